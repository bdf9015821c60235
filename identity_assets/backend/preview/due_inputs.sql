-- These library rows as LML is asked about them. All of them are in the given range.
SELECT id AS library_id, artist_name, album_title, legacy_release_id
FROM library
WHERE id BETWEEN :first_id AND :last_id
  AND id = ANY (CAST(:library_ids AS integer[]))
ORDER BY id
