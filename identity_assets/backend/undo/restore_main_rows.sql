-- Restores the main rows to their state before the run. The rows that the run left go to history.
WITH history AS MATERIALIZED (
    SELECT keep_main_row_history(
        (
            SELECT array_agg(main ORDER BY main.library_id)
            FROM standing_main_rows(
                :first_id, :last_id,
                ARRAY(
                    SELECT library_id FROM undo WHERE table_name = 'library_identity' AND before IN ('absent', 'image')
                )
            ) AS main
        ),
        'unwind'
    ) AS rows
),
replaced AS MATERIALIZED (
    SELECT replaced.library_id
    FROM history
    CROSS JOIN LATERAL update_main_rows((
        SELECT array_agg(jsonb_populate_record(CAST(NULL AS main_row), image))
        FROM undo
        WHERE table_name = 'library_identity' AND before = 'image' AND stands
    )) AS replaced
    UNION ALL
    SELECT brought_back.library_id
    FROM insert_main_rows((
        SELECT array_agg(jsonb_populate_record(CAST(NULL AS main_row), image))
        FROM undo
        WHERE table_name = 'library_identity' AND before = 'image' AND NOT stands
    )) AS brought_back
),
verified_before AS (
    UPDATE library_identity AS main
    SET last_verified_at = undo.time_before
    FROM undo
    WHERE undo.library_id = main.library_id
      AND undo.table_name = 'library_identity'
      AND undo.before = 'time'
      AND main.library_id BETWEEN :first_id AND :last_id
),
removed AS (
    DELETE FROM library_identity AS main
    USING undo, history
    WHERE undo.library_id = main.library_id
      AND undo.table_name = 'library_identity'
      AND undo.before = 'absent'
      AND main.library_id BETWEEN :first_id AND :last_id
      AND history.rows IS NOT NULL
)
SELECT count(*) FROM replaced
