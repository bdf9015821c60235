-- The main row that a person's correction makes: method manual, confidence 1.00.
--
-- `ids` maps a source to its id. The ids of the artist and those of the release are two groups: where the person gives an
-- id of a group, the ids of it that are not given are null; a group of which nothing is given stays as in `old`.
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
'The main row that a person''s correction makes; old is the row that stands, or null';
