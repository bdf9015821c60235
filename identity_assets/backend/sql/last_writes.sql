-- The run that wrote each of these library rows last, as far as it is still remembered.
SELECT DISTINCT ON (library_id) library_id, run_id
FROM library_write
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
ORDER BY library_id, written_at DESC
