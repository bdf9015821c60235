-- All library rows of these artists that no person has decided, in library_id order.
SELECT library.artist_id, library.id AS library_id
FROM library
LEFT JOIN library_identity AS main ON main.library_id = library.id
WHERE library.artist_id = ANY (CAST(:artist_ids AS integer[]))
  AND main.method IS DISTINCT FROM 'manual'
  AND NOT EXISTS (
      SELECT FROM correction WHERE correction.library_id = library.id AND correction.decision IN ('correct', 'none')
  )
ORDER BY library.id
