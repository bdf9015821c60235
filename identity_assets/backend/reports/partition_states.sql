-- The state of each of these partitions: how much is resolved, what the next run asks about, how old the answers are.
--
-- A row is resolved as the gate defines it. `due` counts the rows that a run in the scope of the settings would
-- select. `stale` counts those of them that LML was asked about before. The rule is evaluated once for each row, before
-- rows are counted.
WITH standing AS MATERIALIZED (
    SELECT
        library_id % :partitions AS bucket,
        has_main_row AND confidence >= CAST(0.70 AS real) AS is_resolved,
        CASE WHEN is_due AND NOT has_no_artist AND (in_canonical_scope OR :scope = 'full') THEN reason END AS due_reason,
        coalesce(asked_at, attempted_at, last_verified_at) AS answered_at
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
    WHERE library_id % :partitions = ANY (:buckets)
)
SELECT
    bucket,
    count(*) AS library_rows,
    count(*) FILTER (WHERE is_resolved) AS resolved,
    count(due_reason) AS due,
    count(*) FILTER (WHERE due_reason <> 'never_asked') AS stale,
    min(answered_at) AS oldest_answer_at
FROM standing
GROUP BY bucket
ORDER BY bucket
