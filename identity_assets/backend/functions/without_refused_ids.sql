-- A main row without the ids of single sources that a person rejected. `refused` is an array of objects that map a
-- source to an id. If it is null, the row stays as it is.
CREATE FUNCTION identity_assets.without_refused_ids(main identity_assets.main_row, refused jsonb)
RETURNS identity_assets.main_row
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN refused IS NULL OR main IS NULL THEN main
        ELSE jsonb_populate_record(
            main,
            (
                SELECT coalesce(jsonb_object_agg(listed.column_name, CAST(NULL AS text)), '{}')
                FROM identity_assets.identity_source AS listed
                WHERE refused @> jsonb_build_array(
                    jsonb_build_object(listed.source, to_jsonb(main) ->> listed.column_name)
                )
            )
        )
    END
$$;

COMMENT ON FUNCTION identity_assets.without_refused_ids IS
'A main row in which the ids of single sources that a person rejected are null';
