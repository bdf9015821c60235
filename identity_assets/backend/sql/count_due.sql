-- By partition: how many rows are due to be asked about, and since when the one that has waited longest has been.
SELECT library_id % :partitions AS bucket, count(*) AS rows, min(due_since) AS due_since
FROM due_library(:scope, :stale_threshold_days, :unresolved_retry_days)
WHERE NOT has_no_artist
GROUP BY 1
ORDER BY min(due_since) NULLS LAST, count(*) DESC, 1
