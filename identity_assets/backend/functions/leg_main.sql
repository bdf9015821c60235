-- What the evidence of the legs does to the main rows of these library rows (`fate`). This rule is nowhere else.
--
-- gone        the library row does not exist
-- manual      a person decided the main row. A main row that a leg composed from a manual source row, and that is
--             unchanged since then, does not count as such
-- new, changed, removed   the main row is inserted, replaced or deleted
-- confirmed   the main row differs only in its moment
-- same        the main row does not differ
-- none        there is no main row, and none is made
--
-- If a leg made the main row, the row is composed of its source rows. In any other main row only the two release
-- columns change, and only where they are empty or hold a value that a leg filled in. `filled_master_id` and
-- `filled_release_id` are the values that the legs fill in. `sources` are the legs' source rows.
--
-- The planner does not know the number of ids. With nested loops the time could grow with the square of that number.
CREATE FUNCTION identity_assets.leg_main(
    library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL
)
RETURNS TABLE (
    library_id integer, fate text, old_main identity_assets.main_row, new_main identity_assets.main_row,
    filled_master_id integer, filled_release_id integer, sources identity_assets.source_row[]
)
LANGUAGE sql STABLE
SET enable_nestloop = off
AS $$
    WITH before AS MATERIALIZED (
        SELECT
            asked.library_id AS asked_id,
            library.id IS NOT NULL AS has_library_row,
            old AS old_main,
            old.library_id IS NULL OR coalesce(old.notes IN ('backfill:S1', 'backfill:S3'), false) AS is_made,
            old.discogs_master_id IS NULL OR old.discogs_master_id = filled.discogs_master_id AS owns_master,
            old.discogs_release_id IS NULL OR old.discogs_release_id = filled.discogs_release_id AS owns_release,
            old.method IS DISTINCT FROM 'manual' OR coalesce(
                old.notes IN ('backfill:S1', 'backfill:S3')
                    AND filled.pinned_manual
                    AND (old.discogs_master_id, old.discogs_release_id)
                        IS NOT DISTINCT FROM (filled.discogs_master_id, filled.discogs_release_id),
                false
            ) AS is_writable,
            composed.*
        FROM unnest(library_ids) AS asked (library_id)
        LEFT JOIN library ON library.id = asked.library_id AND library.id = ANY (library_ids)
        LEFT JOIN identity_assets.main_rows_of(library_ids) AS old ON old.library_id = asked.library_id
        LEFT JOIN identity_assets.leg_filled AS filled
            ON filled.library_id = asked.library_id AND filled.library_id = ANY (library_ids)
        LEFT JOIN identity_assets.leg_composed(library_ids, pending_leg, pending) AS composed
            ON composed.library_id = asked.library_id
    ),
    after AS MATERIALIZED (
        SELECT
            before.*,
            CASE
                WHEN before.is_made AND before.is_composed
                THEN jsonb_populate_record(
                    before.old_main,
                    jsonb_build_object(
                        'library_id', before.asked_id,
                        'discogs_master_id', before.discogs_master_id,
                        'discogs_release_id', before.discogs_release_id,
                        'last_verified_at', before.last_verified_at,
                        'method', before.method,
                        'confidence', before.confidence,
                        'agreement_sources', before.agreement_sources,
                        'notes', before.notes
                    )
                )
                WHEN NOT before.is_made
                THEN jsonb_populate_record(
                    before.old_main,
                    CASE
                        WHEN before.owns_master THEN jsonb_build_object('discogs_master_id', before.leg_master_id)
                        ELSE '{}'
                    END || CASE
                        WHEN before.owns_release THEN jsonb_build_object('discogs_release_id', before.leg_release_id)
                        ELSE '{}'
                    END
                )
            END AS new_main
        FROM before
    )
    SELECT
        after.asked_id,
        CASE
            WHEN NOT after.has_library_row THEN 'gone'
            WHEN NOT after.is_writable THEN 'manual'
            WHEN after.new_main IS NULL THEN CASE WHEN after.old_main IS NULL THEN 'none' ELSE 'removed' END
            WHEN after.old_main IS NULL THEN 'new'
            WHEN after.old_main IS NOT DISTINCT FROM after.new_main THEN 'same'
            WHEN after.old_main IS NOT DISTINCT FROM jsonb_populate_record(
                after.new_main, jsonb_build_object('last_verified_at', (after.old_main).last_verified_at)
            ) THEN 'confirmed'
            ELSE 'changed'
        END,
        after.old_main,
        after.new_main,
        CASE WHEN after.is_made OR after.owns_master THEN (after.new_main).discogs_master_id END,
        CASE WHEN after.is_made OR after.owns_release THEN (after.new_main).discogs_release_id END,
        after.sources
    FROM after
$$;

COMMENT ON FUNCTION identity_assets.leg_main IS
'What the evidence of the legs does to each main row: the present row, the new row, the fate, and the source rows';
