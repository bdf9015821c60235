-- Whether the main row and its history have the three columns that a migration of its own adds to Backend's tables.
SELECT count(*) = 6
FROM pg_attribute
WHERE attrelid IN (to_regclass('library_identity'), to_regclass('library_identity_history'))
  AND attname IN ('discogs_artist_id', 'musicbrainz_artist_id', 'bandcamp_id')
  AND NOT attisdropped
