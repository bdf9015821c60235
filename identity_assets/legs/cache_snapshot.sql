-- Reads the snapshot that the discogs-cache's owner has made.
SELECT artist_norm, album_norm, distinct_entities, master_id, release_id
FROM flowsheet_match
