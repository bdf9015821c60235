-- Writes the main rows that the legs make for the staged library rows, puts the replaced rows into history, and
-- writes the journal. Counts by partition.
WITH history AS MATERIALIZED (
    SELECT keep_main_row_history(
        (SELECT array_agg(old_main ORDER BY library_id) FROM leg_rows WHERE is_kept_in_history), :reason
    ) AS rows
),
removed AS (
    DELETE FROM library_identity AS main
    USING leg_rows
    WHERE leg_rows.library_id = main.library_id
      AND main.library_id BETWEEN :first_id AND :last_id
      AND leg_rows.fate = 'removed'
    RETURNING main.library_id
),
touched AS MATERIALIZED (
    SELECT
        touched.library_id, touched.row_hash, leg_rows.bucket, leg_rows.fate, leg_rows.old_main,
        leg_rows.is_kept_in_history
    FROM (
        SELECT inserted.library_id, inserted.row_hash
        FROM insert_main_rows((SELECT array_agg(new_main) FROM leg_rows WHERE fate = 'new')) AS inserted
        UNION ALL
        SELECT updated.library_id, updated.row_hash
        FROM history
        CROSS JOIN LATERAL update_main_rows(
            (SELECT array_agg(new_main) FROM leg_rows WHERE fate IN ('changed', 'confirmed'))
        ) AS updated
        UNION ALL
        SELECT removed.library_id, NULL
        FROM removed
    ) AS touched
    JOIN leg_rows ON leg_rows.library_id = touched.library_id
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_identity', min(library_id), max(library_id),
        array_agg(library_id), array_agg(CAST('' AS text)),
        array_agg(CASE fate WHEN 'new' THEN 'absent' WHEN 'confirmed' THEN 'time' ELSE 'image' END),
        array_agg(CASE fate WHEN 'confirmed' THEN (old_main).last_verified_at END),
        array_agg(row_hash)
    FROM touched
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, touched.library_id, '', to_jsonb(touched.old_main)
    FROM touched
    CROSS JOIN chunk
    WHERE touched.fate IN ('changed', 'removed')
)
SELECT
    bucket,
    count(*) FILTER (WHERE fate <> 'removed') AS main_rows_written,
    count(*) FILTER (WHERE fate = 'removed') AS main_rows_removed,
    count(*) FILTER (WHERE is_kept_in_history) AS history_rows_written
FROM touched
GROUP BY bucket
