-- The runs of the journal among :run_ids, or those that began to write at :since or later; the last one first.
SELECT
    entry.run_id,
    min(entry.written_at) AS first_written_at,
    count(DISTINCT entry.library_id) AS library_rows
FROM journal_entry AS entry
WHERE entry.before <> 'same'
  AND (CAST(:run_ids AS text[]) IS NULL OR entry.run_id = ANY (CAST(:run_ids AS text[])))
  AND (CAST(:since AS timestamptz) IS NULL OR entry.written_at >= CAST(:since AS timestamptz))
  AND (
      CAST(:since AS timestamptz) IS NULL
      OR NOT EXISTS (
          SELECT
          FROM journal_chunk AS earlier
          WHERE earlier.run_id = entry.run_id AND earlier.written_at < CAST(:since AS timestamptz)
      )
  )
GROUP BY entry.run_id
ORDER BY max(entry.chunk_id) DESC
