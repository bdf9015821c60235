-- The masters of these releases in the discogs-cache.
SELECT id, master_id
FROM release
WHERE id = ANY (CAST(:release_ids AS integer[]))
  AND master_id > 0
