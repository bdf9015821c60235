-- The whole library, counted by state, by why it is due now, and by the day on which it will be (0 is the rest of
-- today, in UTC). The conditions of being due are select_candidates.sql's; a row without an artist is never due.
SELECT
    now() AS read_at,
    in_canonical_scope,
    state,
    due_reason,
    CASE WHEN due_reason IS NULL AND due_in_days <= :days THEN due_in_days END AS due_in_days,
    count(*) AS rows
FROM (
    SELECT
        facts.in_canonical_scope,
        CASE
            WHEN facts.is_manual THEN 'manual'
            WHEN facts.confidence >= CAST(0.70 AS real) THEN 'resolved'
            WHEN facts.has_main_row THEN 'low_confidence'
            WHEN facts.has_no_artist THEN 'no_artist_name'
            WHEN facts.attempt_kind IS NULL THEN 'never_asked'
            WHEN NOT facts.is_attempted_in_window THEN 'retry_due'
            ELSE facts.attempt_kind || '_in_window'
        END AS state,
        CASE
            WHEN facts.has_no_artist OR facts.is_manual OR facts.is_verified_in_window OR facts.is_attempted_in_window
            THEN NULL
            WHEN facts.has_main_row THEN 'stale'
            WHEN facts.attempt_kind IS NOT NULL THEN 'retry_due'
            ELSE 'never_asked'
        END AS due_reason,
        CASE
            WHEN NOT facts.has_no_artist AND NOT facts.is_manual
            THEN greatest(
                CAST(facts.due_from AT TIME ZONE 'UTC' AS date) - CAST(now() AT TIME ZONE 'UTC' AS date), 0
            )
        END AS due_in_days
    FROM (
        SELECT
            library.canonical_entity_id IS NOT NULL AS in_canonical_scope,
            coalesce(library.artist_name !~ '\S', true) AS has_no_artist,
            identity.library_id IS NOT NULL AS has_main_row,
            identity.confidence,
            coalesce(identity.method = 'manual', false) AS is_manual,
            coalesce(
                identity.last_verified_at > now() - make_interval(days => :stale_threshold_days), false
            ) AS is_verified_in_window,
            attempt.kind AS attempt_kind,
            coalesce(
                attempt.attempted_at > now() - make_interval(days => :unresolved_retry_days), false
            ) AS is_attempted_in_window,
            greatest(
                identity.last_verified_at + make_interval(days => :stale_threshold_days),
                attempt.attempted_at + make_interval(days => :unresolved_retry_days)
            ) AS due_from
        FROM library
        LEFT JOIN library_identity AS identity ON identity.library_id = library.id
        LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
    ) AS facts
) AS standing
GROUP BY 2, 3, 4, 5
