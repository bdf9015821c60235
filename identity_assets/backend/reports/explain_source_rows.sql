-- The source rows of one library row, of every writer.
SELECT *
FROM library_identity_source
WHERE library_id = :library_id
ORDER BY source
