-- The gate by the words of docs/rules.md, with a sub-query for each figure. The package's own query must give the same
-- figures (test_gate.py). `python -m benchmarks.gate` compares their times.
SELECT
    (SELECT count(*) FROM library) AS total_library_rows,
    (
        SELECT count(*)
        FROM library
        LEFT JOIN library_identity AS identity ON identity.library_id = library.id
        WHERE identity.library_id IS NULL OR identity.confidence < CAST(0.70 AS real)
    ) AS unresolved_rows,
    (
        SELECT count(*)
        FROM library
        LEFT JOIN library_identity AS identity ON identity.library_id = library.id
        WHERE (identity.library_id IS NULL OR identity.confidence < CAST(0.70 AS real))
          AND EXISTS (
              SELECT
              FROM library AS other
              JOIN library_identity AS found ON found.library_id = other.id
              WHERE other.artist_id = library.artist_id
                AND other.id <> library.id
                AND found.confidence >= CAST(0.70 AS real)
                AND found.method <> 'inherited'
          )
    ) AS fallback_resolved_rows,
    (
        SELECT count(*)
        FROM library
        LEFT JOIN library_identity AS identity ON identity.library_id = library.id
        WHERE (identity.library_id IS NULL OR identity.confidence < CAST(0.70 AS real))
          AND NOT EXISTS (
              SELECT
              FROM library AS other
              JOIN library_identity AS found ON found.library_id = other.id
              WHERE other.artist_id = library.artist_id
                AND other.id <> library.id
                AND found.confidence >= CAST(0.70 AS real)
                AND found.method <> 'inherited'
          )
    ) AS truly_unresolved_rows
