-- Predicts what the writer would do with a leg's evidence. It writes nothing and counts library rows by outcome.
--
-- The outcome is `write`, or the reason why the leg's source row is skipped. `upsert_mains` counts the main rows that
-- would be made or changed.
WITH main AS MATERIALIZED (
    SELECT library_id, fate, sources
    FROM leg_main(CAST(:library_ids AS integer[]), :leg, CAST(:pending AS jsonb))
),
desired AS MATERIALIZED (
    SELECT made.*
    FROM main
    CROSS JOIN LATERAL unnest(main.sources) AS made
),
stored AS MATERIALIZED (
    SELECT *
    FROM library_identity_source
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
)
SELECT
    CASE
        WHEN main.fate = 'gone' THEN 'library_row_gone'
        WHEN found.library_id IS NULL
        THEN CASE :leg WHEN 'S1' THEN 'canonical_entity_changed' ELSE 'names_changed' END
        WHEN main.fate = 'manual' OR stored.method = 'manual' THEN 'manual_override'
        WHEN stored.library_id IS NOT NULL
            AND coalesce(stored.notes NOT IN ('backfill:S1', 'backfill:S3'), true)
        THEN 'other_writer'
        WHEN desired.library_id IS NULL THEN 'rejected_by_person'
        WHEN desired.external_id <> found.external_id THEN 'conflict'
        WHEN (
            stored.external_id, stored.method, stored.confidence, stored.last_verified_at, stored.boost_sources,
            stored.notes
        ) IS NOT DISTINCT FROM (
            desired.external_id, desired.method, desired.confidence, desired.last_verified_at, desired.boost_sources,
            desired.notes
        )
        THEN 'unchanged'
        ELSE 'write'
    END AS outcome,
    count(*) AS rows
FROM jsonb_to_recordset(CAST(:pending AS jsonb)) AS asked (library_id integer)
JOIN main ON main.library_id = asked.library_id
LEFT JOIN leg_evidence_of(CAST(:library_ids AS integer[]), :leg, CAST(:pending AS jsonb)) AS found
    ON found.library_id = asked.library_id AND found.leg = :leg
LEFT JOIN desired ON desired.library_id = found.library_id AND desired.source = found.source
LEFT JOIN stored ON stored.library_id = found.library_id AND stored.source = found.source
GROUP BY outcome
UNION ALL
SELECT 'upsert_mains', count(*)
FROM main
WHERE fate IN ('new', 'changed', 'confirmed')
