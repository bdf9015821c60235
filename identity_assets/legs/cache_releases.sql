-- Every release of the discogs-cache with each of its own artists; `extra` ones are credits of another kind.
SELECT release.id, release.master_id, release.title, release_artist.artist_name
FROM release
JOIN release_artist ON release_artist.release_id = release.id
WHERE release_artist.extra = 0
