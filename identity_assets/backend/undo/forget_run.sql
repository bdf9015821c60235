-- Removes these library rows from the journal of these runs, because a write that was taken back is not a write any
-- more.
WITH kept AS MATERIALIZED (
    SELECT
        entry.chunk_id,
        array_agg(entry.library_id ORDER BY entry.place) AS library_ids,
        array_agg(entry.key ORDER BY entry.place) AS keys,
        array_agg(entry.before ORDER BY entry.place) AS befores,
        array_agg(entry.time_before ORDER BY entry.place) AS times_before,
        array_agg(entry.row_hash ORDER BY entry.place) AS row_hashes
    FROM journal_entry AS entry
    WHERE entry.run_id = ANY (CAST(:run_ids AS text[]))
      AND entry.first_library_id <= :last_id
      AND entry.last_library_id >= :first_id
      AND entry.library_id <> ALL (CAST(:library_ids AS integer[]))
    GROUP BY entry.chunk_id
),
shortened AS (
    UPDATE journal_chunk AS chunk
    SET
        library_ids = kept.library_ids,
        keys = kept.keys,
        befores = kept.befores,
        times_before = kept.times_before,
        row_hashes = kept.row_hashes
    FROM kept
    WHERE kept.chunk_id = chunk.chunk_id
),
images AS (
    DELETE FROM journal_image AS image
    WHERE image.library_id = ANY (CAST(:library_ids AS integer[]))
      AND image.chunk_id = ANY (ARRAY(
          SELECT chunk.chunk_id
          FROM journal_chunk AS chunk
          WHERE chunk.run_id = ANY (CAST(:run_ids AS text[]))
            AND chunk.first_library_id <= :last_id
            AND chunk.last_library_id >= :first_id
      ))
)
DELETE FROM journal_chunk AS chunk
WHERE chunk.run_id = ANY (CAST(:run_ids AS text[]))
  AND chunk.first_library_id <= :last_id
  AND chunk.last_library_id >= :first_id
  AND NOT EXISTS (SELECT FROM kept WHERE kept.chunk_id = chunk.chunk_id)
