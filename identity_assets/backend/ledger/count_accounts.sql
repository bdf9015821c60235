-- The accounts: how many rows of the ledger came to which outcome, by partition; of one run, or of the pass.
SELECT library_id % :partitions AS bucket, outcome, count(*) AS rows
FROM candidate_library
WHERE library_id % :partitions = ANY (:buckets)
  AND (CAST(:run_id AS text) IS NULL OR run_id = :run_id)
GROUP BY 1, 2
ORDER BY 1, 2
