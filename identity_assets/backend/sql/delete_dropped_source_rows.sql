-- Source rows that LML wrote once and no longer reports. A person's rows and other writers' stay.
DELETE FROM library_identity_source AS old
USING lml_identity AS new
WHERE new.library_id = old.library_id
  AND old.library_id = ANY (CAST(:library_ids AS integer[]))
  AND old.method <> 'manual'
  AND old.notes = 'consumer:lml-bulk'
  AND NOT EXISTS (
      SELECT
      FROM lml_identity_source AS reported
      WHERE reported.library_id = old.library_id AND reported.source = old.source
  )
