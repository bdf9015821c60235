-- The library rows that a run would select now, by cohort, by the outcome that stands already, and by whether LML's
-- answer is in store.
SELECT cohort, outcome, is_answered, array_agg(library_id) AS library_ids
FROM candidate(
    :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
    CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
)
WHERE library_id % :partitions = ANY (:buckets)
GROUP BY cohort, outcome, is_answered
