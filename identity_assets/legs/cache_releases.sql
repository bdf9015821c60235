-- Reads every release of the discogs-cache with each of its main artists; where `extra` is not 0, it is another credit.
SELECT release.id, release.master_id, release.title, release_artist.artist_name
FROM release
JOIN release_artist ON release_artist.release_id = release.id
WHERE release_artist.extra = 0
