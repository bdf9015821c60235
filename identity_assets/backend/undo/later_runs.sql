-- The later runs that wrote library rows of the given run again, the latest first. They must be taken back before
-- that run, in this order. Runs in which people decided are left out: a decision is taken back only by its own run.
WITH own AS MATERIALIZED (
    SELECT library_id, min(chunk_id) AS chunk_id
    FROM journal_entry
    WHERE run_id = :run_id AND before <> 'same'
    GROUP BY library_id
)
SELECT
    other.run_id,
    min(other.written_at) AS first_written_at,
    count(DISTINCT other.library_id) AS library_rows
FROM own
JOIN journal_entry AS other ON other.library_id = own.library_id AND other.chunk_id > own.chunk_id
WHERE other.run_id <> :run_id
  AND other.first_library_id <= (SELECT max(own.library_id) FROM own)
  AND other.last_library_id >= (SELECT min(own.library_id) FROM own)
  AND other.before <> 'same'
  AND (other.before <> 'absent' OR other.row_hash IS NOT NULL)
  AND NOT EXISTS (
      SELECT
      FROM journal_chunk AS decision
      WHERE decision.run_id = other.run_id AND decision.table_name = 'correction'
  )
GROUP BY other.run_id
ORDER BY max(other.chunk_id) DESC
