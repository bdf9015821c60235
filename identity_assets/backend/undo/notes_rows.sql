-- The next library rows that have this writer's notes or a leg's evidence: at most :rows after :after, in library_id
-- order. Rows that a person decided do not count as this writer's, whatever their notes say.
--
-- Each branch stops after :rows library rows, so a page reads no more of a table than it needs.
SELECT library_id
FROM (
    (
        SELECT library_id
        FROM library_identity
        WHERE notes = :notes AND method <> 'manual' AND library_id > :after
        ORDER BY library_id
        LIMIT :rows
    )
    UNION
    (
        SELECT DISTINCT library_id
        FROM library_identity_source
        WHERE notes = :notes AND method <> 'manual' AND library_id > :after
        ORDER BY library_id
        LIMIT :rows
    )
    UNION
    (
        SELECT DISTINCT library_id
        FROM library_track_identity_source
        WHERE notes = :notes AND method <> 'manual' AND library_id > :after
        ORDER BY library_id
        LIMIT :rows
    )
    UNION
    (
        SELECT DISTINCT library_id
        FROM compilation_track_artist
        WHERE track_artist_link_method = 'lml_backfill' AND :notes = 'consumer:lml-bulk' AND library_id > :after
        ORDER BY library_id
        LIMIT :rows
    )
    UNION
    (
        SELECT library_id
        FROM leg_evidence
        WHERE leg = right(:notes, 2) AND library_id > :after
        ORDER BY library_id
        LIMIT :rows
    )
) AS noted
ORDER BY library_id
LIMIT :rows
