DROP TABLE identity_assets.correction;
DROP TABLE identity_assets.leg_filled;
DROP TABLE identity_assets.leg_gathered;
DROP TABLE identity_assets.leg_evidence;
DROP TABLE identity_assets.journal_image;
DROP TABLE identity_assets.journal_chunk;
DROP TABLE identity_assets.lml_verdict_history;
DROP TABLE identity_assets.lml_verdict_state;
DROP TABLE identity_assets.lml_verdict;
DROP TABLE identity_assets.candidate_library;
DROP TABLE library_track_identity_source;
DROP TABLE library_unresolved;

ALTER TABLE library_identity_history
    DROP COLUMN discogs_artist_id,
    DROP COLUMN musicbrainz_artist_id,
    DROP COLUMN bandcamp_id;

ALTER TABLE library_identity
    DROP COLUMN discogs_artist_id,
    DROP COLUMN musicbrainz_artist_id,
    DROP COLUMN bandcamp_id;
