CREATE FUNCTION identity_assets.leg_source(library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL)
RETURNS TABLE (
    library_id integer, source text, external_id text, method text, confidence real,
    last_verified_at timestamptz, boost_sources text, notes text, weakest real, witnesses integer,
    corroborates boolean
)
LANGUAGE sql STABLE
AS $$
    SELECT DISTINCT ON (evidence.library_id, evidence.source)
        evidence.library_id, evidence.source, evidence.external_id, evidence.method, evidence.confidence,
        evidence.verified_at,
        CASE WHEN pair.same_entity THEN 'backfill:S1,backfill:S3' END,
        'backfill:' || evidence.leg,
        CASE WHEN pair.same_entity THEN pair.weakest ELSE evidence.confidence END,
        CASE WHEN pair.same_entity THEN 2 ELSE 1 END,
        coalesce(NOT pair.is_conflict, false)
    FROM identity_assets.leg_evidence_of(library_ids, pending_leg, pending) AS evidence
    LEFT JOIN identity_assets.leg_pair(library_ids, pending_leg, pending) AS pair ON pair.library_id = evidence.library_id
    ORDER BY evidence.library_id, evidence.source, evidence.confidence DESC, evidence.leg
$$;

COMMENT ON FUNCTION identity_assets.leg_source IS
'The source rows that the evidence makes: of two ids of one kind the surer stands, then that of S1';
