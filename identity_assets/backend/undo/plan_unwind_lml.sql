-- What taking back all that was written from LML's answers would do to the main rows of these library rows, or why
-- they are left alone. Where a leg's source rows remain, they make a main row; else what it replaced comes back.
WITH composed AS MATERIALIZED (
    SELECT library_id FROM leg_composed(CAST(:library_ids AS integer[]))
)
SELECT
    asked.library_id,
    CASE WHEN main.method = 'manual' THEN 'manual' END AS left_alone,
    CAST(NULL AS text) AS later_run_id,
    CASE
        WHEN main.notes IS DISTINCT FROM 'consumer:lml-bulk' THEN 'leave'
        WHEN EXISTS (SELECT FROM composed WHERE composed.library_id = asked.library_id) THEN 'recompute'
        WHEN EXISTS (
            SELECT FROM library_identity_history AS old
            WHERE old.library_id = asked.library_id
              AND old.notes IS DISTINCT FROM 'consumer:lml-bulk'
              AND old.superseded_reason <> 'unwind'
        ) THEN 'restore'
        ELSE 'remove'
    END AS main_row
FROM unnest(CAST(:library_ids AS integer[])) AS asked (library_id)
LEFT JOIN library_identity AS main ON main.library_id = asked.library_id
ORDER BY asked.library_id
