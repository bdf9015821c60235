-- When one library row is due, and why.
SELECT
    now() AS read_at,
    in_canonical_scope,
    has_no_artist,
    is_manual,
    last_verified_at,
    attempt_kind,
    attempted_at,
    names_changed,
    reason,
    decided_at,
    due_from,
    is_due,
    verified_at,
    answer_kind,
    answer_until,
    is_answered,
    is_held,
    decision
FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
WHERE library_id = :library_id
