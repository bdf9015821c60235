-- The main row that an answer of the kind single_artist makes (rules 2 and 4 in docs/rules.md). Method and confidence
-- are LML's, unchanged. LML does not know the release columns, so they stay as they are in `old`.
CREATE FUNCTION identity_assets.lml_main_row(
    library_id integer, verdict jsonb, verified_at timestamptz, old identity_assets.main_row
)
RETURNS identity_assets.main_row
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_populate_record(
        old,
        jsonb_build_object(
            'library_id', library_id,
            'wikidata_qid', verdict #> '{main,wikidata_qid}',
            'spotify_id', verdict #> '{main,spotify_artist_id}',
            'apple_music_id', verdict #> '{main,apple_music_artist_id}',
            'discogs_artist_id', verdict #> '{main,discogs_artist_id}',
            'musicbrainz_artist_id', verdict #> '{main,musicbrainz_artist_id}',
            'bandcamp_id', verdict #> '{main,bandcamp_id}',
            'last_verified_at', verified_at,
            'method', verdict -> 'method',
            'confidence', verdict -> 'confidence',
            'agreement_sources', NULL,
            'notes', 'consumer:lml-bulk'
        )
    )
$$;

COMMENT ON FUNCTION identity_assets.lml_main_row IS
'The main row that an answer of LML makes, verified at the given moment. old is the present row, or null';
