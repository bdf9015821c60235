-- The write is taken back and forgotten; what stands now is as the write before it left it, in this transaction's rows.
WITH undone AS (
    DELETE FROM library_write
    WHERE run_id = :run_id
      AND library_id = ANY (CAST(:library_ids AS integer[]))
    RETURNING library_id, written_at
)
UPDATE library_write AS earlier
SET xids = earlier.xids || CAST(CAST(pg_current_xact_id() AS text) AS bigint) % 4294967296
FROM undone
WHERE earlier.library_id = undone.library_id
  AND earlier.written_at = (
      SELECT max(other.written_at)
      FROM library_write AS other
      WHERE other.library_id = undone.library_id AND other.written_at < undone.written_at
  )
