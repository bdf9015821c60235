-- Writes the main rows as people decided them, puts the replaced rows into history, and writes the journal.
WITH history AS MATERIALIZED (
    SELECT keep_main_row_history(
        (SELECT array_agg(old_main ORDER BY library_id) FROM corrected WHERE fate IN ('changed', 'removed')), :reason
    ) AS rows
),
removed AS (
    DELETE FROM library_identity AS main
    USING corrected, history
    WHERE corrected.library_id = main.library_id
      AND main.library_id BETWEEN :first_id AND :last_id
      AND corrected.fate = 'removed'
      AND history.rows IS NOT NULL
    RETURNING main.library_id
),
touched AS MATERIALIZED (
    SELECT touched.library_id, touched.row_hash, corrected.fate, corrected.old_main
    FROM (
        SELECT inserted.library_id, inserted.row_hash
        FROM insert_main_rows((SELECT array_agg(new_main) FROM corrected WHERE fate = 'new')) AS inserted
        UNION ALL
        SELECT updated.library_id, updated.row_hash
        FROM history
        CROSS JOIN LATERAL update_main_rows(
            (SELECT array_agg(new_main) FROM corrected WHERE fate = 'changed')
        ) AS updated
        UNION ALL
        SELECT removed.library_id, NULL
        FROM removed
    ) AS touched
    JOIN corrected ON corrected.library_id = touched.library_id
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_identity', min(library_id), max(library_id),
        array_agg(library_id), array_agg(CAST('' AS text)),
        array_agg(CASE fate WHEN 'new' THEN 'absent' ELSE 'image' END),
        array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM touched
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, touched.library_id, '', to_jsonb(touched.old_main)
    FROM touched
    CROSS JOIN chunk
    WHERE touched.fate <> 'new'
)
SELECT count(*) FILTER (WHERE fate <> 'new') AS history_rows_written
FROM touched
