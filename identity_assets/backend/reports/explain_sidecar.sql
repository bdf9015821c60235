-- The attempts on one library row that found no identity.
SELECT kind, attempted_at, attempts, first_attempted_at, run_id
FROM library_unresolved
WHERE library_id = :library_id
