CREATE FUNCTION identity_assets.leg_pair(library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL)
RETURNS TABLE (library_id integer, same_entity boolean, is_conflict boolean, weakest real)
LANGUAGE sql STABLE
AS $$
    SELECT
        one.library_id,
        (one.source, one.external_id) = (three.source, three.external_id),
        CASE
            WHEN one.source = three.source THEN one.external_id <> three.external_id
            WHEN one.source = 'discogs_release'
            THEN coalesce(
                CAST(three.checked_release_id AS text) = one.external_id
                    AND CAST(three.checked_master_id AS text) <> three.external_id,
                false
            )
            ELSE coalesce(
                CAST(three.checked_release_id AS text) = three.external_id
                    AND CAST(three.checked_master_id AS text) <> one.external_id,
                false
            )
        END,
        least(one.confidence, three.confidence)
    FROM identity_assets.leg_evidence_of(library_ids, pending_leg, pending) AS one
    JOIN identity_assets.leg_evidence_of(library_ids, pending_leg, pending) AS three
        ON three.library_id = one.library_id AND three.leg = 'S3'
    WHERE one.leg = 'S1'
$$;

COMMENT ON FUNCTION identity_assets.leg_pair IS
'The library rows that both legs pin: whether they name one entity, or contradict each other';
