-- The sidecar's rows as they stood before the run.
INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at, run_id)
SELECT old.library_id, old.kind, old.attempted_at, old.attempts, old.first_attempted_at, old.run_id
FROM library_write AS written
CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS library_unresolved), written.attempt_before) AS old
WHERE written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND written.attempt_before IS NOT NULL
ORDER BY old.library_id
ON CONFLICT (library_id) DO NOTHING
