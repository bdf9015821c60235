-- The runs of the journal that :run_ids names, or that began to write at :since or later, the latest first. With
-- :since, runs in which people decided are left out: a decision is taken back only by its own run.
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
          FROM journal_chunk AS other
          WHERE other.run_id = entry.run_id
            AND (other.written_at < CAST(:since AS timestamptz) OR other.table_name = 'correction')
      )
  )
GROUP BY entry.run_id
ORDER BY max(entry.chunk_id) DESC
