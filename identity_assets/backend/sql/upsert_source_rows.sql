-- One row a source that LML reports with an id and a confidence (rule 3 in DOMAIN.md). A person's row is left as
-- it is.
INSERT INTO library_identity_source AS old (
    library_id, source, external_id, method, confidence, last_verified_at, notes
)
SELECT library_id, source, external_id, method, confidence, last_verified_at, notes
FROM lml_identity_source
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
ORDER BY library_id, source
ON CONFLICT (library_id, source) DO UPDATE SET
    external_id = excluded.external_id,
    method = excluded.method,
    confidence = excluded.confidence,
    last_verified_at = excluded.last_verified_at,
    boost_sources = NULL,
    notes = excluded.notes
WHERE old.method <> 'manual'
  AND (
      old.external_id, old.method, old.confidence, old.last_verified_at, old.boost_sources, old.notes
  ) IS DISTINCT FROM (
      excluded.external_id, excluded.method, excluded.confidence, excluded.last_verified_at, NULL, excluded.notes
  )
