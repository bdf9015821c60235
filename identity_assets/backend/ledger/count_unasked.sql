-- Counts the rows of the ledger that LML has yet to answer.
SELECT count(*)
FROM ledger
WHERE library_id % :partitions = ANY (:buckets)
  AND outcome IS NULL
  AND answered_at IS NULL
