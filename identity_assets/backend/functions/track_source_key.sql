-- The key of a row of library_track_identity_source after its library_id, in one short text, as the journal keeps it.
CREATE FUNCTION identity_assets.track_source_key(artist_name text, track_title text, source text)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT md5(CAST(jsonb_build_array(artist_name, track_title, source) AS text))
$$;

COMMENT ON FUNCTION identity_assets.track_source_key IS
'The journal''s key of the evidence that one source gives for one track';
