-- Counts the library rows of these partitions for which the writer has leg evidence to write or to remove.
--
-- A row that the database refused does not count, so it starts no run. Every run tries it again.
WITH main AS MATERIALIZED (
    SELECT library_id, fate, sources
    FROM leg_main(ARRAY(SELECT library_id FROM leg_library_row(:partitions, CAST(:buckets AS integer[])))) AS main
    WHERE fate NOT IN ('manual', 'gone')
      AND NOT EXISTS (
          SELECT
          FROM leg_evidence
          WHERE leg_evidence.library_id = main.library_id AND leg_evidence.refused_reason IS NOT NULL
      )
),
desired AS MATERIALIZED (
    SELECT
        made.library_id, made.source, made.external_id, made.method, made.confidence, made.last_verified_at,
        made.boost_sources, made.notes
    FROM main
    CROSS JOIN LATERAL unnest(main.sources) AS made
),
stored AS MATERIALIZED (
    SELECT
        old.library_id, old.source, old.external_id, old.method, old.confidence, old.last_verified_at,
        old.boost_sources, old.notes
    FROM library_identity_source AS old
    JOIN main ON main.library_id = old.library_id
    WHERE old.notes IN ('backfill:S1', 'backfill:S3')
      AND old.method <> 'manual'
)
SELECT count(*)
FROM (
    SELECT library_id FROM main WHERE fate IN ('new', 'changed', 'confirmed', 'removed')
    UNION
    SELECT library_id FROM (TABLE desired EXCEPT TABLE stored) AS to_write
    UNION
    SELECT library_id FROM (TABLE stored EXCEPT TABLE desired) AS to_remove
) AS pending
