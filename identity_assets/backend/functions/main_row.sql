-- The one list of the main row's columns. Statements name a main row as a whole: `main`, `(new_main).*`.
CREATE VIEW identity_assets.main_row AS
SELECT
    library_id,
    discogs_master_id,
    discogs_release_id,
    musicbrainz_release_group_mbid,
    musicbrainz_release_mbid,
    musicbrainz_recording_mbid,
    wikidata_qid,
    spotify_id,
    apple_music_id,
    discogs_artist_id,
    musicbrainz_artist_id,
    bandcamp_id,
    last_verified_at,
    method,
    confidence,
    agreement_sources,
    notes
FROM library_identity;

COMMENT ON VIEW identity_assets.main_row IS
'library_identity with the columns that this project writes; rows can be inserted and updated through it';
