CREATE FUNCTION identity_assets.leg_main(library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL)
RETURNS TABLE (
    library_id integer, existed boolean, stands boolean, is_changed boolean,
    method text, confidence real, agreement_sources text, notes text, last_verified_at timestamptz,
    is_verified_anew boolean, discogs_master_id integer, discogs_release_id integer,
    filled_master_id integer, filled_release_id integer
)
LANGUAGE sql STABLE
AS $$
    SELECT
        after.library_id, after.existed, after.is_composed OR NOT after.is_made,
        after.existed
            AND (
                NOT after.is_composed AND after.is_made
                OR (
                    after.old_method, after.old_confidence, after.old_agreement_sources, after.old_notes,
                    after.old_master_id, after.old_release_id
                ) IS DISTINCT FROM (
                    after.method, after.confidence, after.agreement_sources, after.notes,
                    after.discogs_master_id, after.discogs_release_id
                )
            ),
        after.method, after.confidence, after.agreement_sources, after.notes, after.last_verified_at,
        after.last_verified_at IS DISTINCT FROM after.old_verified_at,
        after.discogs_master_id, after.discogs_release_id,
        CASE WHEN after.is_made OR after.owns_master THEN after.discogs_master_id END,
        CASE WHEN after.is_made OR after.owns_release THEN after.discogs_release_id END
    FROM (
        SELECT
            before.*,
            CASE WHEN is_made THEN composed.method ELSE old_method END AS method,
            CASE WHEN is_made THEN composed.confidence ELSE old_confidence END AS confidence,
            CASE WHEN is_made THEN composed.agreement_sources ELSE old_agreement_sources END
                AS agreement_sources,
            CASE WHEN is_made THEN composed.notes ELSE old_notes END AS notes,
            CASE WHEN is_made THEN composed.last_verified_at ELSE old_verified_at END AS last_verified_at,
            CASE
                WHEN is_made THEN composed.discogs_master_id
                WHEN owns_master THEN composed.leg_master_id
                ELSE old_master_id
            END AS discogs_master_id,
            CASE
                WHEN is_made THEN composed.discogs_release_id
                WHEN owns_release THEN composed.leg_release_id
                ELSE old_release_id
            END AS discogs_release_id,
            composed.library_id IS NOT NULL AS is_composed
        FROM (
            SELECT
                asked.library_id,
                old.library_id IS NOT NULL AS existed,
                old.library_id IS NULL
                    OR coalesce(old.notes IN ('backfill:S1', 'backfill:S3'), false) AS is_made,
                old.discogs_master_id IS NULL OR old.discogs_master_id = filled.discogs_master_id
                    AS owns_master,
                old.discogs_release_id IS NULL OR old.discogs_release_id = filled.discogs_release_id
                    AS owns_release,
                old.method AS old_method, old.confidence AS old_confidence, old.notes AS old_notes,
                old.agreement_sources AS old_agreement_sources, old.last_verified_at AS old_verified_at,
                old.discogs_master_id AS old_master_id, old.discogs_release_id AS old_release_id
            FROM unnest(library_ids) AS asked (library_id)
            LEFT JOIN library_identity AS old
                ON old.library_id = asked.library_id AND old.library_id = ANY (library_ids)
            LEFT JOIN identity_assets.leg_filled AS filled
                ON filled.library_id = asked.library_id AND filled.library_id = ANY (library_ids)
        ) AS before
        LEFT JOIN identity_assets.leg_composed(library_ids, pending_leg, pending) AS composed ON composed.library_id = before.library_id
    ) AS after
    WHERE after.existed OR after.is_composed
$$;

COMMENT ON FUNCTION identity_assets.leg_main IS
'The main rows as they stand once the evidence is reflected, beside whether they existed and change. A row '
'that a leg did not make keeps all but the release columns that are empty or that a leg has filled';
