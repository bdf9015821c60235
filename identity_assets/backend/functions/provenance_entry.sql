-- The provenance entries of many answers, each entry once.
--
-- An entry without a confidence or an external id is not usable (rule 3 in rules.md). The usable entry with rank 1
-- makes the source row. If a source is reported twice, the entry with the higher confidence has rank 1.
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
'The provenance entries of these answers. The usable entries with rank 1 make the source rows';
