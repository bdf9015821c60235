CREATE FUNCTION identity_assets.leg_evidence_of(library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL)
RETURNS TABLE (
    library_id integer, leg text, source text, external_id text, method text, confidence real,
    verified_at timestamptz, checked_release_id integer, checked_master_id integer
)
LANGUAGE sql STABLE
AS $$
    SELECT
        stored.library_id, stored.leg, stored.source, stored.external_id, stored.method,
        stored.confidence, stored.verified_at, stored.checked_release_id, stored.checked_master_id
    FROM identity_assets.leg_evidence AS stored
    WHERE stored.library_id = ANY (library_ids)
      AND stored.leg IS DISTINCT FROM pending_leg
    UNION ALL
    SELECT
        found.library_id, pending_leg, found.source, found.external_id, found.method, found.confidence,
        coalesce(found.verified_at, stored.verified_at, now()),
        found.checked_release_id, found.checked_master_id
    FROM jsonb_to_recordset(pending) AS found (
        library_id integer, source text, external_id text, method text, confidence real,
        verified_at timestamptz, checked_release_id integer, checked_master_id integer
    )
    LEFT JOIN identity_assets.leg_evidence AS stored
        ON (stored.library_id, stored.leg, stored.source, stored.external_id, stored.method,
            stored.confidence)
         = (found.library_id, pending_leg, found.source, found.external_id, found.method, found.confidence)
    WHERE found.library_id = ANY (library_ids)
$$;

COMMENT ON FUNCTION identity_assets.leg_evidence_of IS
'The evidence of the legs, one row a leg and library row';
