-- A librarian corrects misspelt artist names: each becomes the name that the artist has in the catalogue.
UPDATE library
SET artist_name = artists.artist_name
FROM artists
WHERE artists.id = library.artist_id
  AND library.artist_name <> artists.artist_name
  AND library.id % 16 = 5
