-- The runs whose id begins with :run_id and that have left something in these tables, with the time of the first
-- trace of each.
SELECT run_id, min(seen_at) AS seen_at, min(asked_at) AS asked_at
FROM (
    SELECT run_id, written_at AS seen_at, CAST(NULL AS timestamptz) AS asked_at FROM journal_chunk
    UNION ALL
    SELECT run_id, selected_at, NULL FROM candidate_library
    UNION ALL
    SELECT run_id, asked_at, asked_at FROM lml_verdict
    UNION ALL
    SELECT run_id, asked_at, asked_at FROM lml_verdict_history
) AS trace
WHERE starts_with(run_id, :run_id)
GROUP BY run_id
ORDER BY 2 DESC
LIMIT 2
