-- What the undo of a leg does to the main rows of these library rows, or why it leaves them alone.
SELECT
    library_id,
    CASE fate WHEN 'manual' THEN 'manual' WHEN 'gone' THEN 'library_row_gone' END AS left_alone,
    CAST(NULL AS text) AS later_run_id,
    CASE fate WHEN 'removed' THEN 'remove' WHEN 'changed' THEN 'recompute' ELSE 'leave' END AS main_row
FROM leg_main(CAST(:library_ids AS integer[]), :leg, '[]')
ORDER BY library_id
