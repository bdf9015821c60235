-- LML's earlier answers for one library row that differ from the next one, the latest first.
SELECT
    kind, verdict ->> 'method' AS method, verdict -> 'confidence' AS confidence, asked_at, run_id, applied_at,
    rejected_reason
FROM lml_verdict_history
WHERE library_id = :library_id
ORDER BY asked_at DESC
