-- The library rows that are due now, by reason.
SELECT reason, count(*) AS rows
FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
WHERE is_due AND NOT has_no_artist
GROUP BY reason
