-- Every release of the discogs-cache with its main artists. The column not_found marks a tombstone.
--
-- An older cache does not have this column. Then the name means the column of `absent`, and no release is a
-- tombstone.
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
