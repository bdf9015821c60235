-- The ids in an answer of LML, as an object that maps a source to its id. They come from the provenance entries that
-- can be written, and from `main`. If both name one source, `main` counts.
--
-- If the provenance reports a source twice, the entry that makes the source row counts (provenance_entry).
CREATE FUNCTION identity_assets.lml_ids(verdict jsonb, provenance jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        (
            SELECT jsonb_object_agg(entry.source, entry.external_id ORDER BY entry.confidence, entry.external_id DESC)
            FROM jsonb_to_recordset(provenance) AS entry (source text, external_id text, confidence real)
            WHERE entry.external_id IS NOT NULL AND entry.confidence IS NOT NULL
        ),
        '{}'
    ) || jsonb_strip_nulls(
        jsonb_build_object(
            'wikidata', verdict #>> '{main,wikidata_qid}',
            'spotify', verdict #>> '{main,spotify_artist_id}',
            'apple_music', verdict #>> '{main,apple_music_artist_id}',
            'discogs', verdict #>> '{main,discogs_artist_id}',
            'musicbrainz', verdict #>> '{main,musicbrainz_artist_id}',
            'bandcamp', verdict #>> '{main,bandcamp_id}'
        )
    )
$$;

COMMENT ON FUNCTION identity_assets.lml_ids IS 'The ids in an answer: an object that maps a source to its id';
