-- A copy of each main row that is about to be replaced by a different one. Being verified again is no change.
INSERT INTO library_identity_history (
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid, musicbrainz_release_mbid,
    musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence,
    agreement_sources, notes, superseded_reason
)
SELECT
    old.discogs_artist_id, old.musicbrainz_artist_id, old.bandcamp_id, -- artist ids
    old.library_id, old.discogs_master_id, old.discogs_release_id, old.musicbrainz_release_group_mbid,
    old.musicbrainz_release_mbid, old.musicbrainz_recording_mbid, old.wikidata_qid, old.spotify_id,
    old.apple_music_id, old.last_verified_at, old.method, old.confidence, old.agreement_sources, old.notes,
    'rerun'
FROM library_identity AS old
JOIN lml_identity AS new ON new.library_id = old.library_id
WHERE old.library_id = ANY (CAST(:library_ids AS integer[]))
  AND (
      old.discogs_artist_id, old.musicbrainz_artist_id, old.bandcamp_id, -- artist ids
      old.wikidata_qid, old.spotify_id, old.apple_music_id, old.method, old.confidence,
      old.agreement_sources, old.notes
  ) IS DISTINCT FROM (
      new.discogs_artist_id, new.musicbrainz_artist_id, new.bandcamp_id, -- artist ids
      new.wikidata_qid, new.spotify_id, new.apple_music_id, new.method, new.confidence, NULL, new.notes
  )
ORDER BY old.library_id
