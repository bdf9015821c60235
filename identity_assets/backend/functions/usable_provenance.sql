-- The provenance of an answer without the entries that were set aside when the answer was judged.
CREATE FUNCTION identity_assets.usable_provenance(verdict jsonb, set_aside jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN set_aside IS NULL THEN verdict -> 'provenance'
        ELSE (
            SELECT jsonb_agg(entry.value ORDER BY entry.place)
            FROM jsonb_array_elements(verdict -> 'provenance') WITH ORDINALITY AS entry (value, place)
            WHERE NOT set_aside @> jsonb_build_array(
                jsonb_build_object('where', 'provenance', 'index', entry.place - 1)
            )
        )
    END
$$;

COMMENT ON FUNCTION identity_assets.usable_provenance IS
'The provenance entries of an answer that may be written';
