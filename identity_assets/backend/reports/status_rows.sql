-- Counts the whole library by state, by the reason why rows are due now, and by the day on which rows will be due (0
-- is the rest of today in UTC). A row without an artist name never counts as due, because LML cannot be asked about
-- it.
SELECT
    now() AS read_at,
    in_canonical_scope,
    state,
    due_reason,
    is_held,
    CASE WHEN due_in_days <= :days THEN due_in_days END AS due_in_days,
    count(*) AS rows
FROM (
    SELECT
        in_canonical_scope,
        is_held,
        CASE
            WHEN is_manual THEN 'manual'
            WHEN confidence >= CAST(0.70 AS real) THEN 'resolved'
            WHEN has_main_row THEN 'low_confidence'
            WHEN decision = 'none' THEN 'decided_none'
            WHEN has_no_artist THEN 'no_artist_name'
            WHEN is_held THEN 'answer_held'
            WHEN verified_at IS NOT NULL OR reason = 'stale' THEN 'resolved_compilation'
            WHEN is_due THEN reason
            WHEN reason = 'invalid_retry_due' THEN 'invalid_in_window'
            WHEN decision = 'rejected' THEN 'rejected_in_window'
            ELSE attempt_kind || '_in_window'
        END AS state,
        CASE WHEN is_due AND NOT has_no_artist THEN reason END AS due_reason,
        CASE
            WHEN NOT is_due AND NOT has_no_artist AND due_from < 'infinity'
            THEN CAST(due_from AT TIME ZONE 'UTC' AS date) - CAST(now() AT TIME ZONE 'UTC' AS date)
        END AS due_in_days
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
) AS standing
GROUP BY 2, 3, 4, 5, 6
