-- Hold the main rows of this chunk, in library_id order, so that what is compared is what is replaced; and say
-- which of them a person decided.
SELECT library_id, method = 'manual' AS is_manual
FROM library_identity
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
ORDER BY library_id
FOR UPDATE
