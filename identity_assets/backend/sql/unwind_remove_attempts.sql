-- The sidecar's rows that did not stand there before the run, or not so.
DELETE FROM library_unresolved AS attempt
USING library_write AS written
WHERE written.library_id = attempt.library_id
  AND written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND to_jsonb(attempt) IS DISTINCT FROM written.attempt_before
