-- Whether a library row still has what a leg read when it found this evidence: the names for S3, the
-- canonical_entity_id for S1. Evidence that is not current makes nothing new.
CREATE FUNCTION identity_assets.is_current_evidence(
    leg text, read_artist_name text, read_album_title text, read_canonical_entity_id text, artist_name text,
    album_title text, canonical_entity_id text
)
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE leg
        WHEN 'S1' THEN read_canonical_entity_id IS NOT DISTINCT FROM canonical_entity_id
        ELSE identity_assets.has_same_names(read_artist_name, read_album_title, artist_name, album_title)
    END
$$;

COMMENT ON FUNCTION identity_assets.is_current_evidence IS
'Whether a library row still has what a leg read when it found the evidence';
