-- The ids of a main row as an object that maps a source to its id. The object is empty if the row has no id or is
-- null.
CREATE FUNCTION identity_assets.main_row_ids(main identity_assets.main_row)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        jsonb_object_agg(listed.source, to_jsonb(main) ->> listed.column_name)
            FILTER (WHERE to_jsonb(main) ->> listed.column_name IS NOT NULL),
        '{}'
    )
    FROM identity_assets.identity_source AS listed
$$;

COMMENT ON FUNCTION identity_assets.main_row_ids IS 'The ids of a main row: an object that maps a source to its id';
