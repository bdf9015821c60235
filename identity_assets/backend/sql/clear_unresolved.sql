-- A row that resolves leaves the sidecar.
DELETE FROM library_unresolved AS attempt
USING lml_identity AS new
WHERE new.library_id = attempt.library_id
  AND attempt.library_id = ANY (CAST(:library_ids AS integer[]))
