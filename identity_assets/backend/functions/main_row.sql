-- The only list of the main row's columns. Statements use a main row as one value, and the functions beside this file
-- read the list from the catalogue. It is a type and not a view of library_identity, so that Backend can change its
-- table freely.
CREATE TYPE identity_assets.main_row AS (
    library_id                     integer,
    discogs_master_id              integer,
    discogs_release_id             integer,
    musicbrainz_release_group_mbid uuid,
    musicbrainz_release_mbid       uuid,
    musicbrainz_recording_mbid     uuid,
    wikidata_qid                   text,
    spotify_id                     text,
    apple_music_id                 text,
    discogs_artist_id              integer,
    musicbrainz_artist_id          text,
    bandcamp_id                    text,
    last_verified_at               timestamptz,
    method                         text,
    confidence                     real,
    agreement_sources              text,
    notes                          text
);

COMMENT ON TYPE identity_assets.main_row IS 'A row of library_identity: the columns that this project reads and writes';
