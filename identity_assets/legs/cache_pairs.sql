-- The pairs of the discogs-cache's snapshot, which an operator has made.
SELECT artist_norm, album_norm, distinct_entities, master_id, release_id
FROM flowsheet_match
