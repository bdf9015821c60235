-- Source rows that did not stand there before the run, or not so. A person's rows stay.
DELETE FROM library_identity_source AS evidence
USING library_write AS written
WHERE written.library_id = evidence.library_id
  AND written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND evidence.method <> 'manual'
  AND NOT coalesce(written.sources_before, '[]') @> jsonb_build_array(to_jsonb(evidence))
