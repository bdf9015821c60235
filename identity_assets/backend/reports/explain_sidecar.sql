-- The unresolved attempts of one library row.
SELECT kind, attempted_at, attempts, first_attempted_at, run_id
FROM library_unresolved
WHERE library_id = :library_id
