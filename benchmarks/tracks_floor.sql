-- The least that links the credits and writes the evidence of the answers in `answer`: no journal, no counts, no care for
-- librarians.
CREATE TEMP TABLE track AS
SELECT answer.library_id, entry.*
FROM answer
CROSS JOIN LATERAL jsonb_to_recordset(answer.verdict -> 'tracks')
    AS entry (artist_name text, track_title text, resolved_artist_name text, confidence real, sources jsonb);

ANALYZE track;

UPDATE compilation_track_artist AS credit
SET
    track_artist_id = artists.id,
    track_artist_link_confidence = track.confidence,
    track_artist_link_method = 'lml_backfill'
FROM track
JOIN artists ON fold_artist_name(artists.artist_name) = fold_artist_name(track.resolved_artist_name)
WHERE credit.library_id = track.library_id
  AND credit.artist_name = track.artist_name
  AND credit.track_title = track.track_title;

INSERT INTO library_track_identity_source
SELECT track.library_id, track.artist_name, track.track_title, one.source, one.external_id, one.method, one.confidence, now()
FROM track
CROSS JOIN LATERAL jsonb_to_recordset(track.sources)
    AS one (source text, external_id text, method text, confidence real);
