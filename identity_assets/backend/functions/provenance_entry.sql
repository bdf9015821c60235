-- The provenance entries of many answers, each once.
--
-- An entry without a confidence or an external id is unusable (rule 3 in rules.md). A usable entry with rank 1 makes
-- the source row: of a source that is reported twice, the one with the higher confidence.
CREATE FUNCTION identity_assets.provenance_entry(library_ids integer[], provenances jsonb[])
RETURNS TABLE (
    library_id integer, source text, external_id text, method text, confidence real, is_usable boolean, rank bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT
        answer.library_id,
        entry.source,
        entry.external_id,
        entry.method,
        entry.confidence,
        entry.confidence IS NOT NULL AND entry.external_id IS NOT NULL,
        row_number() OVER (
            PARTITION BY answer.library_id, entry.source, entry.confidence IS NOT NULL AND entry.external_id IS NOT NULL
            ORDER BY entry.confidence DESC, entry.external_id
        )
    FROM unnest(library_ids, provenances) AS answer (library_id, provenance)
    CROSS JOIN LATERAL jsonb_to_recordset(answer.provenance)
        AS entry (source text, external_id text, method text, confidence real)
$$;

COMMENT ON FUNCTION identity_assets.provenance_entry IS
'The provenance entries of these answers; those that are usable with rank 1 make the source rows';
