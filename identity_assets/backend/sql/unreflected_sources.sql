-- Those of these library rows whose source rows are not what the legs' evidence makes them.
WITH standing AS MATERIALIZED (
    SELECT *
    FROM leg_standing(CAST(:library_ids AS integer[]))
    WHERE is_leg
),
stored AS MATERIALIZED (
    SELECT *
    FROM library_identity_source
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
      AND method <> 'manual'
      AND notes IN ('backfill:S1', 'backfill:S3')
)
SELECT DISTINCT coalesce(standing.library_id, stored.library_id) AS library_id
FROM standing
FULL JOIN stored ON stored.library_id = standing.library_id AND stored.source = standing.source
WHERE (
    stored.external_id, stored.method, stored.confidence, stored.last_verified_at, stored.boost_sources, stored.notes
) IS DISTINCT FROM (
    standing.external_id, standing.method, standing.confidence, standing.last_verified_at, standing.boost_sources,
    standing.notes
)
