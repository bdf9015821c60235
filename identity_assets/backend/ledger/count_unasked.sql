-- Counts the ledger rows that LML has not answered yet.
SELECT count(*)
FROM ledger
WHERE library_id % :partitions = ANY (:buckets)
  AND outcome IS NULL
  AND answered_at IS NULL
