-- A copy of each main row that was written from LML's answers and is taken back.
INSERT INTO library_identity_history (
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid, musicbrainz_release_mbid,
    musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence,
    agreement_sources, notes, superseded_reason
)
SELECT
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid, musicbrainz_release_mbid,
    musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence,
    agreement_sources, notes, 'unwind'
FROM library_identity
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
  AND notes = 'consumer:lml-bulk'
ORDER BY library_id
