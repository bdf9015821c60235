-- Removes the main rows of these library rows that were written from LML's answers, and writes history and journal.
WITH standing AS MATERIALIZED (
    SELECT main
    FROM standing_main_rows(:first_id, :last_id, CAST(:library_ids AS integer[])) AS main
    WHERE main.notes = 'consumer:lml-bulk'
),
history AS MATERIALIZED (
    SELECT keep_main_row_history((SELECT array_agg(main) FROM standing), 'unwind') AS rows
),
removed AS (
    DELETE FROM library_identity AS old
    USING standing, history
    WHERE old.library_id = (standing.main).library_id
      AND old.library_id BETWEEN :first_id AND :last_id
      AND history.rows IS NOT NULL
    RETURNING old.library_id
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_identity', min(library_id), max(library_id),
        array_agg(library_id), array_agg(CAST('' AS text)), array_agg(CAST('image' AS text)),
        array_agg(CAST(NULL AS timestamptz)), array_agg(CAST(NULL AS bigint))
    FROM removed
    HAVING count(*) > 0
    RETURNING chunk_id
)
INSERT INTO journal_image (chunk_id, library_id, key, image)
SELECT chunk.chunk_id, (standing.main).library_id, '', to_jsonb(standing.main)
FROM standing
CROSS JOIN chunk
