-- What a run would select now: how many rows have their outcome already, their answer in store, or are to be asked.
SELECT outcome, is_answered AS answered, count(*) AS rows
FROM candidate(
    :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
    CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
)
WHERE library_id % :partitions = ANY (:buckets)
GROUP BY 1, 2
