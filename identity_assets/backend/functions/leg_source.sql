-- The source rows that the evidence makes.
--
-- If both legs name different ids of one kind, the id with the higher confidence makes the row. If the confidences
-- are equal, the id of S1 does. Evidence that a person rejected makes no row. If a person decided that there is no
-- identity, no evidence makes a row. If both legs name the same entity, its row counts as two sources, and `weakest`
-- is the lower of the two confidences.
CREATE FUNCTION identity_assets.leg_source(
    library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL
)
RETURNS TABLE (made identity_assets.source_row, weakest real, witnesses integer, corroborates boolean)
LANGUAGE sql STABLE
AS $$
    SELECT DISTINCT ON (evidence.library_id, evidence.source)
        CAST(
            ROW (
                evidence.library_id,
                evidence.source,
                evidence.external_id,
                evidence.method,
                evidence.confidence,
                evidence.verified_at,
                CASE WHEN evidence.same_entity THEN 'backfill:S1,backfill:S3' END,
                'backfill:' || evidence.leg
            ) AS identity_assets.source_row
        ),
        CASE WHEN evidence.same_entity THEN evidence.weakest ELSE evidence.confidence END,
        CASE WHEN evidence.same_entity THEN 2 ELSE 1 END,
        evidence.has_pair AND NOT evidence.is_conflict
    FROM identity_assets.leg_evidence_of(library_ids, pending_leg, pending) AS evidence
    WHERE NOT EXISTS (
        SELECT
        FROM identity_assets.correction AS decision
        WHERE decision.library_id = evidence.library_id
          AND (
              decision.decision = 'none'
              OR (decision.decision = 'reject' AND decision.ids ->> evidence.source = evidence.external_id)
          )
    )
    ORDER BY evidence.library_id, evidence.source, evidence.confidence DESC, evidence.leg
$$;

COMMENT ON FUNCTION identity_assets.leg_source IS
'The source rows that the evidence makes, and how each counts when a main row is composed';
