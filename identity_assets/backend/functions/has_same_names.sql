-- Whether a library row still has the names that were asked about. An answer about other names does not apply to it.
CREATE FUNCTION identity_assets.has_same_names(
    asked_artist_name text, asked_album_title text, artist_name text, album_title text
)
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (asked_artist_name, asked_album_title) IS NOT DISTINCT FROM (artist_name, album_title)
$$;

COMMENT ON FUNCTION identity_assets.has_same_names IS
'Whether a library row still has the names that were asked about';
