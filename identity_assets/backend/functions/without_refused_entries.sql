-- The provenance of an answer without the entries whose id a person rejected. `refused` is an array of objects that
-- map a source to an id. If it is null, nothing is removed.
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
'The provenance entries of an answer without those whose id a person rejected';
