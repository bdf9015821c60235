-- What stands before this chunk is written, so that it can be taken back.
INSERT INTO library_write AS earlier (
    library_id, run_id, written_at, xids, main_before, sources_before, attempt_before, filled_before
)
SELECT library_id, :run_id, now(), xids, main_before, sources_before, attempt_before, filled_before
FROM library_as_it_stands(CAST(:library_ids AS integer[]))
ON CONFLICT (library_id, run_id) DO UPDATE SET
    written_at = excluded.written_at,
    xids = earlier.xids || excluded.xids
WHERE NOT earlier.xids @> excluded.xids
