-- The state of each of these partitions: how much is resolved, what the next run asks about, how old the answers are.
--
-- A row is resolved as the gate defines it. `due` counts the rows that a run in the scope of the settings would
-- select. `stale` counts those of them that LML was asked about before.
SELECT
    library_id % :partitions AS bucket,
    count(*) AS library_rows,
    count(*) FILTER (WHERE has_main_row AND confidence >= CAST(0.70 AS real)) AS resolved,
    count(*) FILTER (WHERE is_due_now) AS due,
    count(*) FILTER (WHERE is_due_now AND reason <> 'never_asked') AS stale,
    min(coalesce(asked_at, attempted_at, last_verified_at)) AS oldest_answer_at
FROM (
    SELECT
        *,
        is_due AND NOT has_no_artist AND (in_canonical_scope OR :scope = 'full') AS is_due_now
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
    WHERE library_id % :partitions = ANY (:buckets)
) AS standing
GROUP BY 1
ORDER BY 1
