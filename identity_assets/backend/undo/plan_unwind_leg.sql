-- What taking a leg back would do to the main rows of these library rows, or why they are left alone.
SELECT
    asked.library_id,
    CASE WHEN writable.library_id IS NULL THEN 'manual' END AS left_alone,
    CAST(NULL AS text) AS later_run_id,
    CASE
        WHEN main.existed AND NOT main.stands THEN 'remove'
        WHEN main.is_changed THEN 'recompute'
        ELSE 'leave'
    END AS main_row
FROM unnest(CAST(:library_ids AS integer[])) AS asked (library_id)
LEFT JOIN leg_writable(CAST(:library_ids AS integer[])) AS writable ON writable.library_id = asked.library_id
LEFT JOIN leg_main(CAST(:library_ids AS integer[]), :leg, '[]') AS main ON main.library_id = asked.library_id
ORDER BY asked.library_id
