-- The sources of an identity, and the column of the main row for each source's id. Artist ids and release ids are two
-- groups. A correction replaces a whole group.
CREATE VIEW identity_assets.identity_source AS
SELECT listed.source, listed.column_name, listed.is_release
FROM (
    VALUES
        ('wikidata', 'wikidata_qid', false),
        ('spotify', 'spotify_id', false),
        ('apple_music', 'apple_music_id', false),
        ('discogs', 'discogs_artist_id', false),
        ('musicbrainz', 'musicbrainz_artist_id', false),
        ('bandcamp', 'bandcamp_id', false),
        ('discogs_release', 'discogs_release_id', true),
        ('discogs_master', 'discogs_master_id', true)
) AS listed (source, column_name, is_release);

COMMENT ON VIEW identity_assets.identity_source IS
'The sources whose ids a person can set or reject, and the column of the main row that holds each id';
