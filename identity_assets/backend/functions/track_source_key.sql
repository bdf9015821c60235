-- The key of a row of library_track_identity_source without library_id, as a short text for the journal.
CREATE FUNCTION identity_assets.track_source_key(artist_name text, track_title text, source text)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT md5(CAST(jsonb_build_array(artist_name, track_title, source) AS text))
$$;

COMMENT ON FUNCTION identity_assets.track_source_key IS
'The journal''s key for the evidence of one source about one track';
