-- Source rows as they stood before the run, but for those that a person has put in their place since.
INSERT INTO library_identity_source (
    library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes
)
SELECT
    old.library_id, old.source, old.external_id, old.method, old.confidence, old.last_verified_at, old.boost_sources,
    old.notes
FROM library_write AS written
CROSS JOIN LATERAL jsonb_populate_recordset(CAST(NULL AS library_identity_source), written.sources_before) AS old
WHERE written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
ORDER BY old.library_id, old.source
ON CONFLICT (library_id, source) DO NOTHING
