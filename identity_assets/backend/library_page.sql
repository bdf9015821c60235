-- The next library rows of these partitions that a leg reads: at most :rows rows after :after. They are all rows, or
-- only those with a canonical_entity_id.
SELECT id AS library_id, artist_name, album_title, canonical_entity_id, canonical_entity_resolved_at
FROM library
WHERE id > :after
  AND id % :partitions = ANY (:buckets)
  AND (canonical_entity_id IS NOT NULL OR NOT :canonical_only)
ORDER BY id
LIMIT :rows
