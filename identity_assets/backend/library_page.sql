-- The next library rows of these partitions as a leg reads them, all or those with a canonical_entity_id: at most
-- :rows after :after.
SELECT id AS library_id, artist_name, album_title, canonical_entity_id, canonical_entity_resolved_at
FROM library
WHERE id > :after
  AND id % :partitions = ANY (:buckets)
  AND (canonical_entity_id IS NOT NULL OR NOT :canonical_only)
ORDER BY id
LIMIT :rows
