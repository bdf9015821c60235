-- Counts by partition the due rows that LML can be asked about. due_since is null if none of them was ever asked
-- about.
SELECT library_id % :partitions AS bucket, count(*) AS rows, min(due_from) AS due_since
FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
WHERE is_due
  AND NOT has_no_artist
  AND (:scope = 'full' OR in_canonical_scope)
GROUP BY 1
ORDER BY min(due_from) NULLS LAST, count(*) DESC, 1
