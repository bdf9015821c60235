-- The provenance of an answer without the entries whose id a person refused. `refused` is an array of objects, each of
-- which maps a source to an id; null leaves the provenance as it is.
CREATE FUNCTION identity_assets.without_refused_entries(provenance jsonb, refused jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN refused IS NULL THEN provenance
        ELSE (
            SELECT coalesce(jsonb_agg(entry.value ORDER BY entry.place), '[]')
            FROM jsonb_array_elements(provenance) WITH ORDINALITY AS entry (value, place)
            WHERE entry.value ->> 'external_id' IS NULL
               OR NOT refused @> jsonb_build_array(
                   jsonb_build_object(entry.value ->> 'source', entry.value ->> 'external_id')
               )
        )
    END
$$;

COMMENT ON FUNCTION identity_assets.without_refused_entries IS
'The provenance entries of an answer without those whose id a person refused';
