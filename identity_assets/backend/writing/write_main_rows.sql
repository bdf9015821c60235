-- The main rows of the staged answers, the rows that they replace into history, and the journal.
WITH history AS MATERIALIZED (
    SELECT keep_main_row_history(
        (SELECT array_agg(old_main ORDER BY library_id) FROM staged WHERE fate = 'changed'), 'rerun'
    ) AS rows
),
inserted AS (
    INSERT INTO main_row AS main
    SELECT (new_main).*
    FROM staged
    WHERE fate = 'new'
    ORDER BY library_id
    RETURNING main.library_id, hash_record_extended(main, 0) AS row_hash
),
confirmed AS (
    UPDATE main_row AS main
    SET last_verified_at = staged.asked_at
    FROM staged
    WHERE staged.library_id = main.library_id
      AND main.library_id BETWEEN :first_id AND :last_id
      AND staged.fate = 'confirmed'
    RETURNING main.library_id, hash_record_extended(main, 0) AS row_hash
),
changed AS MATERIALIZED (
    SELECT changed.library_id, changed.row_hash
    FROM history
    CROSS JOIN LATERAL update_main_rows(
        (SELECT array_agg(new_main) FROM staged WHERE fate = 'changed')
    ) AS changed
),
written AS MATERIALIZED (
    SELECT library_id, row_hash FROM inserted
    UNION ALL SELECT library_id, row_hash FROM confirmed
    UNION ALL SELECT library_id, row_hash FROM changed
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
