-- The main row of one library row: all columns, also those that a later migration adds.
SELECT *
FROM library_identity
WHERE library_id = :library_id
