-- Main rows that were written from LML's answers.
DELETE FROM library_identity
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
  AND notes = 'consumer:lml-bulk'
