-- How many compilations have track credits, how many credits there are, and who linked them to artists.
SELECT
    count(DISTINCT library_id) AS compilations,
    count(*) AS credits,
    count(*) FILTER (WHERE track_artist_link_method = 'lml_backfill') AS linked,
    count(*) FILTER (WHERE track_artist_link_method = 'librarian') AS by_librarian
FROM compilation_track_artist
