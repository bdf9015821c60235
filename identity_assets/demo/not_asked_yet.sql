-- The library rows that the second run of the demo asks about.
SELECT id, artist_name
FROM library
WHERE canonical_entity_id IS NULL AND artist_name IS NOT NULL
ORDER BY id
LIMIT 1000
