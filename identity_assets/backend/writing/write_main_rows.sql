-- Writes the main rows of the staged answers, puts the replaced rows into history, and writes the journal.
WITH history AS MATERIALIZED (
    SELECT keep_main_row_history(
        (SELECT array_agg(old_main ORDER BY library_id) FROM staged WHERE fate = 'changed'), 'rerun'
    ) AS rows
),
written AS MATERIALIZED (
    SELECT inserted.library_id, inserted.row_hash
    FROM insert_main_rows((SELECT array_agg(new_main) FROM staged WHERE fate = 'new')) AS inserted
    UNION ALL
    SELECT updated.library_id, updated.row_hash
    FROM history
    CROSS JOIN LATERAL update_main_rows(
        (SELECT array_agg(new_main) FROM staged WHERE fate IN ('confirmed', 'changed'))
    ) AS updated
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_identity', min(written.library_id), max(written.library_id),
        array_agg(written.library_id), array_agg(CAST('' AS text)),
        array_agg(CASE staged.fate WHEN 'new' THEN 'absent' WHEN 'confirmed' THEN 'time' ELSE 'image' END),
        array_agg(CASE staged.fate WHEN 'confirmed' THEN (staged.old_main).last_verified_at END),
        array_agg(written.row_hash)
    FROM written
    JOIN staged ON staged.library_id = written.library_id
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, staged.library_id, '', to_jsonb(staged.old_main)
    FROM staged
    CROSS JOIN chunk
    WHERE staged.fate = 'changed'
)
SELECT
    staged.bucket,
    count(*) FILTER (WHERE staged.fate = 'changed') AS history_rows_written,
    count(*) AS main_rows_written
FROM written
JOIN staged ON staged.library_id = written.library_id
GROUP BY staged.bucket
