-- Restores the sidecar to its state before the run.
WITH removed AS (
    DELETE FROM library_unresolved AS attempt
    USING undo
    WHERE undo.library_id = attempt.library_id
      AND undo.table_name = 'library_unresolved'
      AND undo.before = 'absent'
      AND attempt.library_id BETWEEN :first_id AND :last_id
)
INSERT INTO library_unresolved
SELECT (jsonb_populate_record(CAST(NULL AS library_unresolved), undo.image)).*
FROM undo
WHERE undo.table_name = 'library_unresolved' AND undo.before = 'image'
ORDER BY undo.library_id
ON CONFLICT (library_id) DO UPDATE SET
    kind = excluded.kind,
    attempted_at = excluded.attempted_at,
    attempts = excluded.attempts,
    first_attempted_at = excluded.first_attempted_at,
    run_id = excluded.run_id
