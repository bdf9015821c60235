-- The main artists of these releases in the discogs-cache. `extra` is 0 for a main artist, and null if an API was
-- asked.
SELECT release_id, array_agg(artist_name) AS artists
FROM release_artist
WHERE coalesce(extra, 0) = 0
  AND release_id = ANY (CAST(:release_ids AS integer[]))
GROUP BY release_id
