-- What the gate reads about one library row (docs/rules.md), and the sibling with the highest confidence.
SELECT
    identity.library_id IS NOT NULL AS has_main_row,
    identity.confidence,
    coalesce(identity.confidence >= CAST(0.70 AS real), false) AS is_resolved,
    library.artist_id,
    (
        SELECT count(*)
        FROM library AS other
        WHERE other.artist_id = library.artist_id AND other.id <> library.id
    ) AS other_library_rows,
    sibling.library_id AS sibling_library_id,
    sibling.method AS sibling_method,
    sibling.confidence AS sibling_confidence
FROM library
LEFT JOIN library_identity AS identity ON identity.library_id = library.id
LEFT JOIN LATERAL (
    SELECT found.library_id, found.method, found.confidence
    FROM library AS other
    JOIN library_identity AS found ON found.library_id = other.id
    WHERE other.artist_id = library.artist_id
      AND other.id <> library.id
      AND found.confidence >= CAST(0.70 AS real)
      AND found.method <> 'inherited'
    ORDER BY found.confidence DESC, found.library_id
    LIMIT 1
) AS sibling ON true
WHERE library.id = :library_id
