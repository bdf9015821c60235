-- Main rows that stood there already. The five release-level columns are not LML's: they stay as they are.
UPDATE library_identity AS old
SET
    discogs_artist_id = new.discogs_artist_id, -- artist ids
    musicbrainz_artist_id = new.musicbrainz_artist_id, -- artist ids
    bandcamp_id = new.bandcamp_id, -- artist ids
    wikidata_qid = new.wikidata_qid,
    spotify_id = new.spotify_id,
    apple_music_id = new.apple_music_id,
    last_verified_at = new.last_verified_at,
    method = new.method,
    confidence = new.confidence,
    agreement_sources = NULL,
    notes = new.notes
FROM lml_identity AS new
WHERE new.library_id = old.library_id
  AND old.library_id = ANY (CAST(:library_ids AS integer[]))
  AND (
      old.discogs_artist_id, old.musicbrainz_artist_id, old.bandcamp_id, -- artist ids
      old.wikidata_qid, old.spotify_id, old.apple_music_id, old.method, old.confidence,
      old.agreement_sources, old.notes, old.last_verified_at
  ) IS DISTINCT FROM (
      new.discogs_artist_id, new.musicbrainz_artist_id, new.bandcamp_id, -- artist ids
      new.wikidata_qid, new.spotify_id, new.apple_music_id, new.method, new.confidence,
      NULL, new.notes, new.last_verified_at
  )
