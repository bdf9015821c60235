-- The source rows that count after the evidence is written. LML's source rows are left out, because LML composes its
-- own verdict.
--
-- If a person or another writer already has a source row for a source, the leg writes none for it. If a leg has no
-- evidence for its source row any more, the row stays until the leg was gathered in that partition: an older job may
-- have written it. It also stays if the library row has changed since the leg read it, until the leg is gathered again.
CREATE FUNCTION identity_assets.leg_standing(
    library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL
)
RETURNS TABLE (
    standing identity_assets.source_row, weakest real, witnesses integer, corroborates boolean, is_leg boolean
)
LANGUAGE sql STABLE
AS $$
    SELECT placed.source_row, placed.weakest, placed.witnesses, placed.corroborates, placed.is_leg
    FROM (
        SELECT
            candidate.*,
            bool_or(NOT candidate.is_stored) OVER place AS has_evidence,
            bool_or(NOT candidate.is_leg) OVER place AS is_taken
        FROM (
            SELECT
                desired.made AS source_row, desired.weakest, desired.witnesses, desired.corroborates,
                true AS is_leg, false AS is_stored
            FROM identity_assets.leg_source(library_ids, pending_leg, pending) AS desired
            UNION ALL
            SELECT
                CAST(
                    ROW (
                        stored.library_id, stored.source, stored.external_id, stored.method, stored.confidence,
                        stored.last_verified_at, stored.boost_sources, stored.notes
                    ) AS identity_assets.source_row
                ),
                stored.confidence, 1, stored.boost_sources IS NOT NULL,
                stored.method <> 'manual' AND coalesce(stored.notes IN ('backfill:S1', 'backfill:S3'), false), true
            FROM library_identity_source AS stored
            WHERE stored.library_id = ANY (library_ids)
        ) AS candidate
        WINDOW place AS (PARTITION BY (candidate.source_row).library_id, (candidate.source_row).source)
    ) AS placed
    WHERE CASE
        WHEN NOT placed.is_stored THEN NOT placed.is_taken
        WHEN NOT placed.is_leg
        THEN (placed.source_row).method = 'manual' OR (placed.source_row).notes IS DISTINCT FROM 'consumer:lml-bulk'
        ELSE
            NOT placed.has_evidence
            AND right((placed.source_row).notes, 2) IS DISTINCT FROM pending_leg
            AND (
                NOT EXISTS (
                    SELECT
                    FROM identity_assets.leg_gathered AS gathered
                    WHERE gathered.leg = right((placed.source_row).notes, 2)
                      AND (placed.source_row).library_id % gathered.partitions = gathered.bucket
                )
                OR ((placed.source_row).library_id, right((placed.source_row).notes, 2)) IN (
                    SELECT outdated.library_id, outdated.leg
                    FROM identity_assets.leg_outdated_evidence(library_ids) AS outdated
                )
            )
    END
$$;

COMMENT ON FUNCTION identity_assets.leg_standing IS
'The source rows that count after the evidence is written, without the rows of LML, which composes its own verdict';
