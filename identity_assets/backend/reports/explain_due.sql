-- Each condition that select_candidates.sql puts to a library row, by itself, and when the windows end.
SELECT
    now() AS read_at,
    library.canonical_entity_id IS NOT NULL AS has_canonical_entity_id,
    coalesce(library.artist_name !~ '\S', true) AS has_no_artist,
    identity.library_id IS NOT NULL AS has_main_row,
    coalesce(identity.method = 'manual', false) AS is_manual,
    identity.last_verified_at,
    identity.last_verified_at + make_interval(days => :stale_threshold_days) AS stale_from,
    coalesce(
        identity.last_verified_at > now() - make_interval(days => :stale_threshold_days), false
    ) AS is_verified_in_window,
    attempt.kind AS attempt_kind,
    attempt.attempted_at,
    attempt.attempted_at + make_interval(days => :unresolved_retry_days) AS retry_from,
    coalesce(
        attempt.attempted_at > now() - make_interval(days => :unresolved_retry_days), false
    ) AS is_attempted_in_window,
    coalesce(
        verdict.artist_name = library.artist_name AND verdict.album_title = library.album_title, false
    ) AS has_answer_for_these_names,
    verdict.asked_at + answer_window.days AS answer_holds_until,
    coalesce(verdict.asked_at > now() - answer_window.days, false) AS has_answer_in_window,
    verdict.library_id IS NOT NULL AND verdict.applied_at IS NULL AND verdict.unwound_at IS NULL AS has_answer_to_apply
FROM library
LEFT JOIN library_identity AS identity ON identity.library_id = library.id
LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
LEFT JOIN lml_verdict AS verdict ON verdict.library_id = library.id
CROSS JOIN LATERAL (
    SELECT make_interval(
        days => CASE WHEN verdict.kind = 'single_artist' THEN :stale_threshold_days ELSE :unresolved_retry_days END
    ) AS days
) AS answer_window
WHERE library.id = :library_id
