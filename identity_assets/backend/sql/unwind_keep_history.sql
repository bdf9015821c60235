-- A copy of each main row that taking the run back removes or replaces by a different one.
INSERT INTO library_identity_history (
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid, musicbrainz_release_mbid,
    musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence,
    agreement_sources, notes, superseded_reason
)
SELECT
    main.discogs_artist_id, main.musicbrainz_artist_id, main.bandcamp_id, -- artist ids
    main.library_id, main.discogs_master_id, main.discogs_release_id, main.musicbrainz_release_group_mbid,
    main.musicbrainz_release_mbid, main.musicbrainz_recording_mbid, main.wikidata_qid, main.spotify_id,
    main.apple_music_id, main.last_verified_at, main.method, main.confidence, main.agreement_sources, main.notes,
    'unwind'
FROM library_identity AS main
JOIN library_write AS written ON written.library_id = main.library_id
WHERE written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND jsonb_strip_nulls(to_jsonb(main)) - 'last_verified_at'
      IS DISTINCT FROM jsonb_strip_nulls(written.main_before) - 'last_verified_at'
ORDER BY main.library_id
