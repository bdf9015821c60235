-- The accounts: the number of ledger rows with each outcome, by partition. They count one run or the whole pass.
SELECT library_id % :partitions AS bucket, outcome, count(*) AS rows
FROM candidate_library
WHERE library_id % :partitions = ANY (:buckets)
  AND (CAST(:run_id AS text) IS NULL OR run_id = :run_id)
GROUP BY 1, 2
ORDER BY 1, 2
