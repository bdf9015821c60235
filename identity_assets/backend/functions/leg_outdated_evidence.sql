-- The stored evidence of these library rows that is not current: the row has changed since the leg read it. The leg
-- finds out what it is now when it is gathered again.
CREATE FUNCTION identity_assets.leg_outdated_evidence(library_ids integer[])
RETURNS TABLE (library_id integer, leg text)
LANGUAGE sql STABLE
AS $$
    SELECT evidence.library_id, evidence.leg
    FROM identity_assets.leg_evidence AS evidence
    JOIN library ON library.id = evidence.library_id AND library.id = ANY (library_ids)
    WHERE evidence.library_id = ANY (library_ids)
      AND NOT identity_assets.is_current_evidence(
          evidence.leg, evidence.artist_name, evidence.album_title, evidence.canonical_entity_id,
          library.artist_name, library.album_title, library.canonical_entity_id
      )
$$;

COMMENT ON FUNCTION identity_assets.leg_outdated_evidence IS
'The stored evidence of library rows that have changed since the leg read them';
