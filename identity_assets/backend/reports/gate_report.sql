-- The gate ("The gate" in rules.md), the reasons why rows are truly unresolved, and the artists with the most such
-- rows.
--
-- Each table is scanned once. Library rows are counted by artist and reason. A few counts for each artist then decide
-- whether the artist has a row to fall back on, so no row searches for its siblings. An unresolved row has a
-- confidence below 0.70, so it cannot be its own sibling. 0.70 is compared in the type of the column.
--
-- A row counts for the first reason that is true. LML cannot be asked about a row without an artist name. A
-- compilation has known tracks if LML's applied answer lists tracks.
-- The ledger knows the rows of the last pass. For other rows the stored answer tells whether it was set aside or taken back.
WITH told AS MATERIALIZED (
    SELECT
        library_id,
        resolved_tracks > 0 AS has_tracks,
        CASE
            WHEN unwound_at IS NOT NULL THEN 'unwound'
            WHEN rejected_reason IS NOT NULL THEN 'lml_invalid_verdict'
            ELSE 'compilation'
        END AS reason
    FROM answer
    WHERE unwound_at IS NOT NULL
       OR rejected_reason IS NOT NULL
       OR resolved_tracks IS NOT NULL AND applied_at IS NOT NULL
),
counted AS (
    SELECT
        library.artist_id,
        CASE
            WHEN identity.confidence >= CAST(0.70 AS real) THEN NULL
            WHEN decided.is_none THEN 'decided_none'
            WHEN coalesce(library.artist_name !~ '\S', true) THEN 'no_artist_name'
            WHEN identity.library_id IS NOT NULL THEN 'low_confidence'
            WHEN attempt.kind = 'unresolved' THEN 'lml_unresolved'
            WHEN attempt.kind = 'compilation' OR told.reason = 'compilation' THEN 'compilation'
            WHEN decided.rejected IS NOT NULL THEN 'rejected_by_person'
            WHEN held.library_id IS NOT NULL THEN 'answer_held'
            WHEN candidate.outcome IS NOT NULL THEN candidate.outcome
            -- Only a few rows come this far, so each is looked up. A join would scan all stored answers.
            WHEN candidate.library_id IS NOT NULL AND EXISTS (
                SELECT FROM ledger WHERE ledger.library_id = candidate.library_id AND ledger.answered_at IS NOT NULL
            ) THEN 'answer_stored'
            ELSE coalesce(told.reason, 'never_asked')
        END AS reason,
        coalesce(told.reason = 'compilation' AND told.has_tracks, false) AS has_tracks,
        count(*) AS rows,
        bool_or(identity.confidence >= CAST(0.70 AS real) AND identity.method <> 'inherited') AS can_lend
    FROM library
    LEFT JOIN library_identity AS identity ON identity.library_id = library.id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
    LEFT JOIN decided ON decided.library_id = library.id
    LEFT JOIN held_answer() AS held ON held.library_id = library.id
    LEFT JOIN told ON told.library_id = library.id
    LEFT JOIN candidate_library AS candidate
        ON candidate.library_id = library.id
       AND (
           candidate.outcome IN (
               'lml_error', 'lml_cardinality_mismatch', 'lml_invalid_verdict', 'lml_untrusted_library_id',
               'writer_error', 'manual_override', 'names_changed', 'unwound', 'not_asked'
           )
           OR candidate.outcome IS NULL
       )
    GROUP BY 1, 2, 3
),
judged AS MATERIALIZED (
    SELECT
        artist_id,
        reason,
        has_tracks,
        rows,
        reason IS NOT NULL AS is_unresolved,
        coalesce(bool_or(can_lend) OVER (PARTITION BY artist_id), false) AS has_fallback
    FROM counted
),
by_reason AS (
    SELECT reason, sum(rows) AS rows
    FROM judged
    WHERE is_unresolved AND NOT has_fallback
    GROUP BY reason
),
most AS (
    SELECT artist_id, sum(rows) AS rows
    FROM judged
    WHERE is_unresolved AND NOT has_fallback
    GROUP BY artist_id
    ORDER BY 2 DESC, 1
    LIMIT 10
)
SELECT
    CAST(coalesce(sum(rows), 0) AS bigint) AS total_library_rows,
    CAST(coalesce(sum(rows) FILTER (WHERE is_unresolved), 0) AS bigint) AS unresolved_rows,
    CAST(coalesce(sum(rows) FILTER (WHERE is_unresolved AND has_fallback), 0) AS bigint)
        AS fallback_resolved_rows,
    CAST(coalesce(sum(rows) FILTER (WHERE is_unresolved AND NOT has_fallback), 0) AS bigint)
        AS truly_unresolved_rows,
    CAST(coalesce(sum(rows) FILTER (WHERE is_unresolved AND NOT has_fallback AND has_tracks), 0) AS bigint)
        AS compilations_with_known_tracks,
    (SELECT coalesce(jsonb_object_agg(reason, rows), '{}') FROM by_reason) AS residual,
    (
        SELECT coalesce(jsonb_agg(
            jsonb_build_object(
                'artist_id', most.artist_id,
                'artist_name', artists.artist_name,
                'truly_unresolved_rows', most.rows
            )
            ORDER BY most.rows DESC, most.artist_id
        ), '[]')
        FROM most
        JOIN artists ON artists.id = most.artist_id
    ) AS top_artists
FROM judged
