-- The station's artists with these names, compared by Backend's fold_artist_name. Each name gets the number of
-- artists, counted up to 2, and the artist if there is exactly one.
--
-- OFFSET 0 and LIMIT make the planner look up each name in the index on folded names. A join would fold every artist.
CREATE FUNCTION identity_assets.station_artist(names text[])
RETURNS TABLE (name text, artist_id integer, artists bigint)
LANGUAGE sql STABLE
ROWS 1000
SET enable_nestloop = on
AS $$
    SELECT
        folded.name,
        CASE WHEN found.artists = 1 THEN found.artist_id END,
        found.artists
    FROM (
        SELECT name, fold_artist_name(name) AS folded_name
        FROM unnest(names) AS name
        OFFSET 0
    ) AS folded
    CROSS JOIN LATERAL (
        SELECT min(one.id) AS artist_id, count(*) AS artists
        FROM (
            SELECT artists.id
            FROM artists
            WHERE fold_artist_name(artists.artist_name) = folded.folded_name
            LIMIT 2
        ) AS one
    ) AS found
    WHERE folded.folded_name ~ '\S'
$$;

COMMENT ON FUNCTION identity_assets.station_artist IS
'For each name: the artist of the catalogue with this folded name, null unless there is exactly one, and their number, counted up to 2';
