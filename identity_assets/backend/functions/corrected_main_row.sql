-- The main row that a person's correction makes: method manual, confidence 1.00.
--
-- `ids` maps a source to its id. Artist ids and release ids are two groups. If the person gives an id of a group, the
-- other ids of that group become null. If the person gives no id of a group, the group stays as it is in `old`.
CREATE FUNCTION identity_assets.corrected_main_row(
    library_id integer, ids jsonb, made_by text, made_at timestamptz, old identity_assets.main_row
)
RETURNS identity_assets.main_row
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_populate_record(
        old,
        jsonb_build_object(
            'library_id', library_id,
            'last_verified_at', made_at,
            'method', 'manual',
            'confidence', 1,
            'agreement_sources', NULL,
            'notes', 'manual:' || made_by
        ) || (
            SELECT coalesce(jsonb_object_agg(listed.column_name, ids ->> listed.source), '{}')
            FROM identity_assets.identity_source AS listed
            WHERE listed.is_release IN (
                SELECT given.is_release FROM identity_assets.identity_source AS given WHERE ids ->> given.source IS NOT NULL
            )
        )
    )
$$;

COMMENT ON FUNCTION identity_assets.corrected_main_row IS
'The main row that a person''s correction makes. old is the present row, or null';
