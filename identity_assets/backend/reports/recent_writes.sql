-- The last :runs runs in the journal, the latest first: when each began to write, how many library rows it wrote, and
-- whether it was a pass of the graph. The last is known only while the ledger has rows of the run.
WITH recent AS (
    SELECT run_id, min(written_at) AS first_written_at, max(chunk_id) AS last_chunk_id
    FROM journal_chunk
    GROUP BY run_id
    ORDER BY 3 DESC
    LIMIT :runs
)
SELECT
    recent.run_id,
    recent.first_written_at,
    (
        SELECT count(DISTINCT entry.library_id)
        FROM journal_entry AS entry
        WHERE entry.run_id = recent.run_id AND entry.before <> 'same'
    ) AS library_rows,
    EXISTS (SELECT FROM candidate_library AS candidate WHERE candidate.run_id = recent.run_id) AS is_pass
FROM recent
ORDER BY recent.last_chunk_id DESC
