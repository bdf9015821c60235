-- Counts the ledger of these partitions by partition, cohort, reason and what is to happen.
SELECT library_id % :partitions AS bucket, cohort, reason, outcome, answered_at IS NOT NULL AS answered, count(*) AS rows
FROM ledger
WHERE library_id % :partitions = ANY (:buckets)
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
