-- The floor of the write: the main, source and sidecar rows that LML's answers make, in three statements on empty tables.
-- `answer` (library_id integer, kind text, verdict jsonb) is a table or a view that the benchmark creates first.
-- There is no history, journal, ledger, comparison with what stands, or check of names.
INSERT INTO library_identity (
    library_id, wikidata_qid, spotify_id, apple_music_id, last_verified_at, method, confidence, notes,
    discogs_artist_id, musicbrainz_artist_id, bandcamp_id
)
SELECT
    library_id,
    verdict #>> '{main,wikidata_qid}',
    verdict #>> '{main,spotify_artist_id}',
    verdict #>> '{main,apple_music_artist_id}',
    now(),
    verdict ->> 'method',
    CAST(verdict ->> 'confidence' AS real),
    'consumer:lml-bulk',
    CAST(verdict #>> '{main,discogs_artist_id}' AS integer),
    verdict #>> '{main,musicbrainz_artist_id}',
    verdict #>> '{main,bandcamp_id}'
FROM answer
WHERE kind = 'single_artist';

INSERT INTO library_identity_source (
    library_id, source, external_id, method, confidence, last_verified_at, notes
)
SELECT answer.library_id, entry.source, entry.external_id, entry.method, entry.confidence, now(), 'consumer:lml-bulk'
FROM answer
CROSS JOIN LATERAL jsonb_to_recordset(answer.verdict -> 'provenance')
    AS entry (source text, method text, confidence real, external_id text)
WHERE answer.kind = 'single_artist' AND entry.confidence IS NOT NULL AND entry.external_id IS NOT NULL;

INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at)
SELECT library_id, kind, now(), 1, now()
FROM answer
WHERE kind <> 'single_artist';
