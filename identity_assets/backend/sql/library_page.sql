-- The next library rows of these partitions as a leg reads them: at most :rows after :after.
SELECT id AS library_id, artist_name, album_title, canonical_entity_id, canonical_entity_resolved_at
FROM library
WHERE id > :after
  AND id % :partitions = ANY (:buckets)
ORDER BY id
LIMIT :rows
