-- Identities that stand although LML, asked again since, found none. What a person decided is not concerned, nor
-- are the rows of the two legs: they are there because LML finds none.
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
