-- The journal with one row for each table row that a run wrote.
CREATE VIEW identity_assets.journal_entry AS
SELECT
    chunk.chunk_id,
    chunk.run_id,
    chunk.table_name,
    chunk.written_at,
    chunk.first_library_id,
    chunk.last_library_id,
    entry.library_id,
    entry.key,
    entry.before,
    entry.time_before,
    entry.row_hash,
    entry.place
FROM identity_assets.journal_chunk AS chunk
CROSS JOIN LATERAL unnest(chunk.library_ids, chunk.keys, chunk.befores, chunk.times_before, chunk.row_hashes)
    WITH ORDINALITY AS entry (library_id, key, before, time_before, row_hash, place);

COMMENT ON VIEW identity_assets.journal_entry IS
'What each run wrote, one row for each table row: its state before, and the hash of its state after';
