-- The sidecar: LML tried and found nothing, or cannot say by album. Applying an answer twice counts once.
INSERT INTO library_unresolved AS attempt (
    library_id, kind, attempted_at, attempts, first_attempted_at, run_id
)
SELECT library_id, kind, asked_at, 1, asked_at, run_id
FROM lml_verdict
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
  AND kind IN ('unresolved', 'compilation')
ORDER BY library_id
ON CONFLICT (library_id) DO UPDATE SET
    kind = excluded.kind,
    attempted_at = excluded.attempted_at,
    attempts = attempt.attempts + 1,
    run_id = excluded.run_id
WHERE attempt.attempted_at < excluded.attempted_at
