-- What writing a leg's evidence would come to, one row an outcome: `write`, or the reason for which it is skipped;
-- and `upsert_mains`, the main rows that would be made or changed.
WITH found AS MATERIALIZED (
    SELECT *
    FROM leg_evidence_of(CAST(:library_ids AS integer[]), :leg, CAST(:pending AS jsonb))
    WHERE leg = :leg
),
writable AS MATERIALIZED (
    SELECT library_id FROM leg_writable(CAST(:library_ids AS integer[]))
),
standing AS MATERIALIZED (
    SELECT *
    FROM leg_standing(CAST(:library_ids AS integer[]), :leg, CAST(:pending AS jsonb))
    WHERE is_leg
)
SELECT
    CASE
        WHEN writable.library_id IS NULL OR stored.method = 'manual' THEN 'manual_override'
        WHEN stored.library_id IS NOT NULL
            AND coalesce(stored.notes NOT IN ('backfill:S1', 'backfill:S3'), true)
        THEN 'other_writer'
        WHEN standing.external_id <> found.external_id THEN 'conflict'
        WHEN (
            stored.external_id, stored.method, stored.confidence, stored.last_verified_at, stored.boost_sources,
            stored.notes
        ) IS NOT DISTINCT FROM (
            standing.external_id, standing.method, standing.confidence, standing.last_verified_at,
            standing.boost_sources, standing.notes
        )
        THEN 'unchanged'
        ELSE 'write'
    END AS outcome,
    count(*) AS rows
FROM found
LEFT JOIN writable ON writable.library_id = found.library_id
LEFT JOIN standing ON standing.library_id = found.library_id AND standing.source = found.source
LEFT JOIN library_identity_source AS stored
    ON stored.library_id = found.library_id AND stored.source = found.source
GROUP BY outcome
UNION ALL
SELECT 'upsert_mains', count(*)
FROM leg_main(CAST(:library_ids AS integer[]), :leg, CAST(:pending AS jsonb)) AS main
JOIN writable ON writable.library_id = main.library_id
WHERE main.stands
  AND (main.is_changed OR main.is_verified_anew)
