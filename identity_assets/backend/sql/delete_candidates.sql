-- The pass before this one ends: its rows leave the ledger.
DELETE FROM candidate_library
WHERE library_id % :partitions = ANY (:buckets)
