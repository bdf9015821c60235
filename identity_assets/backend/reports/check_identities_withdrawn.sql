-- Main rows that are kept although LML was asked again later and found no identity.
--
-- Rows that a person decided do not count. Rows of the two legs do not count either, because the legs cover releases
-- that LML cannot identify.
SELECT
    main.library_id,
    library.artist_name,
    library.album_title,
    main.method,
    main.confidence,
    main.last_verified_at,
    attempt.attempted_at AS not_found_at,
    main.notes,
    count(*) OVER () AS offending
FROM library_identity AS main
JOIN library_unresolved AS attempt ON attempt.library_id = main.library_id
JOIN library ON library.id = main.library_id
WHERE attempt.kind = 'unresolved'
  AND attempt.attempted_at > main.last_verified_at
  AND main.method <> 'manual'
  AND main.notes IS DISTINCT FROM 'backfill:S1'
  AND main.notes IS DISTINCT FROM 'backfill:S3'
ORDER BY main.library_id
LIMIT :sample_rows
