-- Stages what the decisions do to the identity of each library row. `correct` and `none` count before rejections.
--
-- fate: new, changed, removed (the main row), same, or none (there is no main row, and none is made). `ids` are the
-- ids that a person gave. `refused` are rejected ids of single sources, an array of objects. A main row that a leg made
-- is removed with its last release. `has_leg_rows`: a leg has evidence for the library row, or wrote one of its source
-- rows.
CREATE TEMPORARY TABLE corrected ON COMMIT DROP AS
SELECT
    made.library_id,
    made.old_main,
    made.new_main,
    made.ids,
    made.made_by,
    made.refused,
    made.takes_away,
    made.library_id IN (SELECT leg.library_id FROM leg_library_row(1, ARRAY[0], :first_id, :last_id) AS leg) AS has_leg_rows,
    CASE
        WHEN made.new_main IS NULL THEN CASE WHEN made.old_main IS NULL THEN 'none' ELSE 'removed' END
        WHEN made.old_main IS NULL THEN 'new'
        WHEN made.old_main IS NOT DISTINCT FROM jsonb_populate_record(
            made.new_main, jsonb_build_object('last_verified_at', (made.old_main).last_verified_at)
        ) THEN 'same'
        ELSE 'changed'
    END AS fate
FROM (
    SELECT
        one.*,
        CASE
            WHEN one.ids IS NOT NULL
            THEN corrected_main_row(one.library_id, one.ids, one.made_by, now(), one.old_main)
            WHEN one.takes_away THEN NULL
            WHEN (one.old_main).notes IN ('backfill:S1', 'backfill:S3')
                AND num_nonnulls((kept.main).discogs_master_id, (kept.main).discogs_release_id) = 0
            THEN NULL
            ELSE kept.main
        END AS new_main
    FROM (
        SELECT
            library_id,
            (array_agg(old_main))[1] AS old_main,
            (array_agg(ids) FILTER (WHERE decision = 'correct'))[1] AS ids,
            (array_agg(made_by) FILTER (WHERE decision = 'correct'))[1] AS made_by,
            jsonb_agg(ids) FILTER (WHERE source IS NOT NULL) AS refused,
            bool_or(takes_away) AND NOT bool_or(decision = 'correct') AS takes_away
        FROM decisions
        GROUP BY library_id
    ) AS one
    CROSS JOIN LATERAL (SELECT without_refused_ids(one.old_main, one.refused) AS main) AS kept
) AS made
