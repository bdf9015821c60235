-- Counts the ledger rows of these partitions by partition, cohort, reason, outcome, and whether they are answered.
SELECT library_id % :partitions AS bucket, cohort, reason, outcome, answered_at IS NOT NULL AS answered, count(*) AS rows
FROM ledger
WHERE library_id % :partitions = ANY (:buckets)
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
