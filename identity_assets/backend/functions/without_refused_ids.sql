-- A main row without the ids that a person refused of single sources. `refused` is an array of objects, each of which
-- maps a source to an id; null leaves the row as it is.
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
'A main row in which the ids that a person refused of single sources are null';
