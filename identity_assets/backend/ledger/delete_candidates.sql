-- Ends the previous pass: its rows leave the ledger.
DELETE FROM candidate_library
WHERE library_id % :partitions = ANY (:buckets)
