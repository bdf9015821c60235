-- Source rows that were written from LML's answers. A person's rows stay.
DELETE FROM library_identity_source
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
  AND notes = 'consumer:lml-bulk'
  AND method <> 'manual'
