-- Counts the rows that a run would select now: with an outcome at once, with a stored answer, and to be asked about.
SELECT outcome, is_answered AS answered, count(*) AS rows
FROM candidate(
    :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
    CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
)
WHERE library_id % :partitions = ANY (:buckets)
GROUP BY 1, 2
