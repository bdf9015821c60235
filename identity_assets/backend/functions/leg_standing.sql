CREATE FUNCTION identity_assets.leg_standing(library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL)
RETURNS TABLE (
    library_id integer, source text, external_id text, method text, confidence real,
    last_verified_at timestamptz, boost_sources text, notes text, weakest real, witnesses integer,
    corroborates boolean, is_leg boolean
)
LANGUAGE sql STABLE
AS $$
    WITH desired AS MATERIALIZED (
        SELECT * FROM identity_assets.leg_source(library_ids, pending_leg, pending)
    ),
    stored AS MATERIALIZED (
        SELECT
            held.*,
            held.method <> 'manual' AND coalesce(held.notes IN ('backfill:S1', 'backfill:S3'), false)
                AS is_leg
        FROM library_identity_source AS held
        WHERE held.library_id = ANY (library_ids)
    )
    SELECT desired.*, true
    FROM desired
    WHERE NOT EXISTS (
        SELECT
        FROM stored
        WHERE stored.library_id = desired.library_id
          AND stored.source = desired.source
          AND NOT stored.is_leg
    )
    UNION ALL
    SELECT
        stored.library_id, stored.source, stored.external_id, stored.method, stored.confidence,
        stored.last_verified_at, stored.boost_sources, stored.notes, stored.confidence, 1,
        stored.boost_sources IS NOT NULL, false
    FROM stored
    WHERE NOT stored.is_leg
      AND (stored.method = 'manual' OR stored.notes IS DISTINCT FROM 'consumer:lml-bulk')
    UNION ALL
    SELECT
        stored.library_id, stored.source, stored.external_id, stored.method, stored.confidence,
        stored.last_verified_at, stored.boost_sources, stored.notes, stored.confidence, 1,
        stored.boost_sources IS NOT NULL, true
    FROM stored
    WHERE stored.is_leg
      AND right(stored.notes, 2) IS DISTINCT FROM pending_leg
      AND NOT EXISTS (
          SELECT
          FROM desired
          WHERE desired.library_id = stored.library_id AND desired.source = stored.source
      )
      AND NOT EXISTS (
          SELECT
          FROM identity_assets.leg_gathered AS gathered
          WHERE gathered.leg = right(stored.notes, 2)
            AND stored.library_id % gathered.partitions = gathered.bucket
      )
$$;

COMMENT ON FUNCTION identity_assets.leg_standing IS
'The source rows that stand once the evidence is reflected, but for those of LML, which composes them itself';
