CREATE FUNCTION identity_assets.leg_writable(library_ids integer[])
RETURNS TABLE (library_id integer)
LANGUAGE sql STABLE
AS $$
    SELECT library.id
    FROM library
    LEFT JOIN library_identity AS main
        ON main.library_id = library.id AND main.library_id = ANY (library_ids)
    LEFT JOIN identity_assets.leg_filled AS filled
        ON filled.library_id = library.id AND filled.library_id = ANY (library_ids)
    WHERE library.id = ANY (library_ids)
      AND (
          main.library_id IS NULL
          OR main.method <> 'manual'
          OR (
              main.notes IN ('backfill:S1', 'backfill:S3')
              AND filled.pinned_manual
              AND (main.discogs_master_id, main.discogs_release_id)
                  IS NOT DISTINCT FROM (filled.discogs_master_id, filled.discogs_release_id)
          )
      )
$$;

COMMENT ON FUNCTION identity_assets.leg_writable IS
'The library rows whose main row is no person''s decision, as one that a leg pinned to a manual source row';
