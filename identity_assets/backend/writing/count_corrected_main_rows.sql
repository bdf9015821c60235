-- Counts the main rows that the decisions changed or removed. One that a leg wrote anew afterwards counts once.
SELECT
    count(*) FILTER (WHERE main.library_id IS NOT NULL AND corrected.old_main IS DISTINCT FROM main) AS main_rows_written,
    count(*) FILTER (
        WHERE main.library_id IS NULL AND (corrected.old_main).library_id IS NOT NULL
    ) AS main_rows_removed
FROM corrected
LEFT JOIN standing_main_rows(:first_id, :last_id, ARRAY(SELECT corrected.library_id FROM corrected)) AS main
    ON main.library_id = corrected.library_id
