-- What the undo of everything that was written from LML's answers does to the main rows of these library rows, or why
-- it leaves them alone. If source rows of a leg remain, they make the main row. Otherwise the row that LML's row
-- replaced comes back.
WITH earlier AS MATERIALIZED (
    SELECT DISTINCT library_id
    FROM library_identity_history
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
      AND notes IS DISTINCT FROM 'consumer:lml-bulk'
      AND superseded_reason <> 'unwind'
)
SELECT
    asked.library_id,
    CASE WHEN main.method = 'manual' THEN 'manual' END AS left_alone,
    CAST(NULL AS text) AS later_run_id,
    CASE
        WHEN main.notes IS DISTINCT FROM 'consumer:lml-bulk' THEN 'leave'
        WHEN composed.is_composed THEN 'recompute'
        WHEN earlier.library_id IS NOT NULL THEN 'restore'
        ELSE 'remove'
    END AS main_row
FROM unnest(CAST(:library_ids AS integer[])) AS asked (library_id)
LEFT JOIN library_identity AS main
    ON main.library_id = asked.library_id AND main.library_id = ANY (CAST(:library_ids AS integer[]))
LEFT JOIN leg_composed(CAST(:library_ids AS integer[])) AS composed ON composed.library_id = asked.library_id
LEFT JOIN earlier ON earlier.library_id = asked.library_id
ORDER BY asked.library_id
