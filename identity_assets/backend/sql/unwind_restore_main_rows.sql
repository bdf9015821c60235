-- Main rows as they stood before the run.
INSERT INTO library_identity AS main (
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid, musicbrainz_release_mbid,
    musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence,
    agreement_sources, notes
)
SELECT
    old.discogs_artist_id, old.musicbrainz_artist_id, old.bandcamp_id, -- artist ids
    old.library_id, old.discogs_master_id, old.discogs_release_id, old.musicbrainz_release_group_mbid,
    old.musicbrainz_release_mbid, old.musicbrainz_recording_mbid, old.wikidata_qid, old.spotify_id,
    old.apple_music_id, old.last_verified_at, old.method, old.confidence, old.agreement_sources, old.notes
FROM library_write AS written
CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS library_identity), written.main_before) AS old
WHERE written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND written.main_before IS NOT NULL
ORDER BY written.library_id
ON CONFLICT (library_id) DO UPDATE SET
    discogs_artist_id = excluded.discogs_artist_id, -- artist ids
    musicbrainz_artist_id = excluded.musicbrainz_artist_id, -- artist ids
    bandcamp_id = excluded.bandcamp_id, -- artist ids
    discogs_master_id = excluded.discogs_master_id,
    discogs_release_id = excluded.discogs_release_id,
    musicbrainz_release_group_mbid = excluded.musicbrainz_release_group_mbid,
    musicbrainz_release_mbid = excluded.musicbrainz_release_mbid,
    musicbrainz_recording_mbid = excluded.musicbrainz_recording_mbid,
    wikidata_qid = excluded.wikidata_qid,
    spotify_id = excluded.spotify_id,
    apple_music_id = excluded.apple_music_id,
    last_verified_at = excluded.last_verified_at,
    method = excluded.method,
    confidence = excluded.confidence,
    agreement_sources = excluded.agreement_sources,
    notes = excluded.notes
WHERE (main.*) IS DISTINCT FROM (excluded.*)
