-- Main rows of library rows that had none. LML's method and confidence as they came (rule 2 in DOMAIN.md).
INSERT INTO library_identity (
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence, notes
)
SELECT
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
    library_id, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence, notes
FROM lml_identity
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
ORDER BY library_id
ON CONFLICT (library_id) DO NOTHING
RETURNING library_id
