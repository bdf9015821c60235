-- The track entries of many answers, each entry once. Entries that were set aside when the answer was judged are
-- marked.
CREATE FUNCTION identity_assets.track_entries(library_ids integer[], tracks jsonb[], set_asides jsonb[])
RETURNS SETOF identity_assets.track_entry
LANGUAGE sql STABLE
ROWS 10000
SET enable_nestloop = off
AS $$
    WITH answer AS MATERIALIZED (
        SELECT *
        FROM unnest(library_ids, tracks, set_asides) AS answer (library_id, tracks, set_aside)
    ),
    entry AS MATERIALIZED (
        SELECT answer.library_id, entry.value, entry.place - 1 AS index
        FROM answer
        -- LML sends null for a field that it does not set.
        CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(answer.tracks) = 'array' THEN answer.tracks END)
            WITH ORDINALITY AS entry (value, place)
    ),
    aside AS MATERIALIZED (
        SELECT DISTINCT answer.library_id, one.index
        FROM answer
        CROSS JOIN LATERAL jsonb_to_recordset(answer.set_aside) AS one ("where" text, index bigint)
        WHERE one."where" = 'tracks'
    )
    SELECT
        entry.library_id,
        CASE WHEN jsonb_typeof(entry.value -> 'artist_name') = 'string' THEN entry.value ->> 'artist_name' END,
        CASE WHEN jsonb_typeof(entry.value -> 'track_title') = 'string' THEN entry.value ->> 'track_title' END,
        CASE WHEN aside.index IS NULL THEN entry.value ->> 'track_position' END,
        CASE WHEN aside.index IS NULL THEN entry.value ->> 'resolved_artist_name' END,
        CASE WHEN aside.index IS NULL THEN CAST(entry.value ->> 'confidence' AS real) END,
        CASE
            WHEN aside.index IS NULL AND jsonb_typeof(entry.value -> 'sources') = 'array' THEN entry.value -> 'sources'
        END,
        aside.index IS NOT NULL
    FROM entry
    LEFT JOIN aside ON aside.library_id = entry.library_id AND aside.index = entry.index
$$;

COMMENT ON FUNCTION identity_assets.track_entries IS
'The track entries of these answers. Entries that were set aside when the answer was judged are marked';
