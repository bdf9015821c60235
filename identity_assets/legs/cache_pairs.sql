-- The pairs in the snapshot table of the discogs-cache. An operator creates that table.
SELECT artist_norm, album_norm, distinct_entities, master_id, release_id
FROM flowsheet_match
