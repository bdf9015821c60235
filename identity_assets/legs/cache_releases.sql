-- Every release of the discogs-cache with its main artists. A tombstone is marked by the column not_found.
--
-- An older cache has no such column: its name then means the column of `absent`, and the release is no tombstone.
SELECT release.id, release.master_id, release.title, release.is_tombstone, credited.artists
FROM (SELECT false AS not_found) AS absent
CROSS JOIN LATERAL (
    SELECT id, master_id, title, coalesce(not_found, false) AS is_tombstone
    FROM release
) AS release
JOIN (
    SELECT release_id, array_agg(artist_name) AS artists
    FROM release_artist
    WHERE coalesce(extra, 0) = 0
    GROUP BY release_id
) AS credited ON credited.release_id = release.id
