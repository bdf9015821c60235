-- The snapshot as the operator has made it, in the discogs-cache.
SELECT artist_norm, album_norm, distinct_entities, master_id, release_id
FROM flowsheet_match
