-- The main row of one library row with all columns, including those that a later migration adds.
SELECT *
FROM library_identity
WHERE library_id = :library_id
