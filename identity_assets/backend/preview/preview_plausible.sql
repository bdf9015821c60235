-- The same counts as ledger/count_plausible.sql, for answers that are not stored: :kinds are LML's answers for the
-- due rows :library_ids.
SELECT
    count(*) AS waiting,
    count(*) FILTER (WHERE guarded = 'had_identity') AS had_identity,
    count(*) FILTER (WHERE guarded = 'had_identity' AND kind = 'unresolved') AS withdrawn,
    count(*) FILTER (WHERE guarded = 'first_asked') AS first_asked,
    count(*) FILTER (WHERE guarded = 'first_asked' AND kind = 'single_artist') AS first_resolved
FROM (
    SELECT
        given.kind,
        guard_group(given.kind, candidate.reason, main.method, main.notes, attempt.library_id IS NOT NULL) AS guarded
    FROM candidate(
        :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
        CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
    ) AS candidate
    JOIN unnest(CAST(:library_ids AS integer[]), CAST(:kinds AS text[])) AS given (library_id, kind)
        ON given.library_id = candidate.library_id
    LEFT JOIN answer ON answer.library_id = candidate.library_id AND candidate.is_answered
    LEFT JOIN library_identity AS main ON main.library_id = candidate.library_id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = candidate.library_id
    WHERE answer.accepted_at IS NULL
) AS waiting_answer
