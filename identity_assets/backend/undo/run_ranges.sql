-- Divides the library rows that these runs wrote into ranges with at most :rows rows each. If :library_ids is given,
-- only these library rows count.
SELECT min(library_id) AS first_id, max(library_id) AS last_id
FROM (
    SELECT library_id, (row_number() OVER (ORDER BY library_id) - 1) / :rows AS chunk
    FROM (
        SELECT DISTINCT entry.library_id
        FROM journal_chunk AS chunk
        CROSS JOIN LATERAL unnest(chunk.library_ids) AS entry (library_id)
        WHERE chunk.run_id = ANY (CAST(:run_ids AS text[]))
          AND (CAST(:library_ids AS integer[]) IS NULL OR entry.library_id = ANY (CAST(:library_ids AS integer[])))
    ) AS written
) AS divided
GROUP BY chunk
ORDER BY chunk
