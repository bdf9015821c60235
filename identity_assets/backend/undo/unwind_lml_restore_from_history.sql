-- The main rows that LML's replaced, the latest of each, where nothing else stands now.
INSERT INTO library_identity (
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid, musicbrainz_release_mbid,
    musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence,
    agreement_sources, notes
)
SELECT DISTINCT ON (old.library_id)
    old.discogs_artist_id, old.musicbrainz_artist_id, old.bandcamp_id, -- artist ids
    old.library_id, old.discogs_master_id, old.discogs_release_id, old.musicbrainz_release_group_mbid,
    old.musicbrainz_release_mbid, old.musicbrainz_recording_mbid, old.wikidata_qid, old.spotify_id,
    old.apple_music_id, old.last_verified_at, old.method, old.confidence, old.agreement_sources, old.notes
FROM library_identity_history AS old
JOIN library ON library.id = old.library_id
WHERE old.library_id = ANY (CAST(:library_ids AS integer[]))
  AND old.notes IS DISTINCT FROM 'consumer:lml-bulk'
  AND old.superseded_reason <> 'unwind'
ORDER BY old.library_id, old.superseded_at DESC, old.history_id DESC
ON CONFLICT (library_id) DO NOTHING
