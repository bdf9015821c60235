-- Provenance entries without a confidence or an external id: the source table forbids both (rule 3 in DOMAIN.md).
SELECT count(*)
FROM lml_verdict AS answer
CROSS JOIN LATERAL jsonb_to_recordset(answer.verdict -> 'provenance') AS entry (confidence real, external_id text)
WHERE answer.library_id = ANY (CAST(:library_ids AS integer[]))
  AND answer.kind = 'single_artist'
  AND (entry.confidence IS NULL OR entry.external_id IS NULL)
