-- Restores the latest main row that LML's row replaced for each library row, and writes the journal.
WITH earlier AS MATERIALIZED (
    SELECT jsonb_populate_record(CAST(NULL AS main_row), to_jsonb(latest)) AS main
    FROM (
        SELECT DISTINCT ON (old.library_id) old.*
        FROM library_identity_history AS old
        WHERE old.library_id = ANY (CAST(:library_ids AS integer[]))
          AND old.notes IS DISTINCT FROM 'consumer:lml-bulk'
          AND old.superseded_reason <> 'unwind'
        ORDER BY old.library_id, old.superseded_at DESC, old.history_id DESC
    ) AS latest
),
brought_back AS MATERIALIZED (
    SELECT library_id, row_hash
    FROM insert_main_rows((SELECT array_agg(main) FROM earlier))
)
INSERT INTO journal_chunk (
    run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
)
SELECT
    :run_id, 'library_identity', min(library_id), max(library_id),
    array_agg(library_id), array_agg(CAST('' AS text)), array_agg(CAST('absent' AS text)),
    array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
FROM brought_back
HAVING count(*) > 0
