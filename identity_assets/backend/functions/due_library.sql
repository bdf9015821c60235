-- When each library row is due, and why ("Which rows are due" and rule 7 in DOMAIN.md). The one place of this rule.
--
-- One row for each row of library. `due_from` is the moment from which the row is due: null where it always was
-- (never_asked), infinity where it never is (manual). `is_due` compares it with now. A row without an artist name is
-- due like any other and cannot be asked about: has_no_artist.
CREATE FUNCTION identity_assets.due_library(
    stale_threshold_days integer, unresolved_retry_days integer, invalid_retry_days integer
)
RETURNS TABLE (
    library_id integer, in_canonical_scope boolean, has_no_artist boolean, has_main_row boolean, is_manual boolean,
    confidence real, last_verified_at timestamptz, attempt_kind text, attempted_at timestamptz, asked_at timestamptz,
    names_changed boolean, reason text, due_from timestamptz, is_due boolean
)
LANGUAGE sql STABLE
AS $$
    SELECT
        ruled.library_id, ruled.in_canonical_scope, ruled.has_no_artist, ruled.has_main_row, ruled.is_manual,
        ruled.confidence, ruled.last_verified_at, ruled.attempt_kind, ruled.attempted_at, ruled.asked_at,
        ruled.names_changed, ruled.reason, ruled.due_from, coalesce(ruled.due_from <= now(), true)
    FROM (
        SELECT
            moment.*,
            CASE
                WHEN moment.names_changed THEN 'names_changed'
                WHEN moment.is_partly_invalid AND moment.invalid_until < moment.window_until THEN 'invalid_retry_due'
                WHEN moment.is_invalid AND moment.invalid_until >= coalesce(moment.window_until, '-infinity')
                THEN 'invalid_retry_due'
                WHEN moment.has_main_row THEN 'stale'
                WHEN moment.attempted_at IS NOT NULL THEN 'retry_due'
                ELSE 'never_asked'
            END AS reason,
            CASE
                WHEN moment.is_manual THEN 'infinity'
                -- The question is new: it has waited at least since the last time that the old one was asked.
                WHEN moment.names_changed THEN moment.asked_at
                WHEN moment.is_partly_invalid THEN least(moment.window_until, moment.invalid_until)
                WHEN moment.is_invalid THEN greatest(moment.window_until, moment.invalid_until)
                ELSE moment.window_until
            END AS due_from
        FROM (
            SELECT
                library.id AS library_id,
                library.canonical_entity_id IS NOT NULL AS in_canonical_scope,
                coalesce(library.artist_name !~ '\S', true) AS has_no_artist,
                main.library_id IS NOT NULL AS has_main_row,
                coalesce(main.method = 'manual', false) AS is_manual,
                main.confidence,
                main.last_verified_at,
                attempt.kind AS attempt_kind,
                attempt.attempted_at,
                verdict.asked_at,
                coalesce(
                    (verdict.artist_name, verdict.album_title)
                        IS DISTINCT FROM (CAST(library.artist_name AS text), CAST(library.album_title AS text)),
                    false
                ) AND verdict.library_id IS NOT NULL AS names_changed,
                greatest(
                    main.last_verified_at + make_interval(days => stale_threshold_days),
                    attempt.attempted_at + make_interval(days => unresolved_retry_days)
                ) AS window_until,
                verdict.asked_at + make_interval(days => invalid_retry_days) AS invalid_until,
                coalesce(state.rejected_reason IS NOT NULL AND state.applied_at IS NULL AND state.unwound_at IS NULL, false)
                    AS is_invalid,
                coalesce(state.set_aside IS NOT NULL AND state.applied_at IS NOT NULL AND state.unwound_at IS NULL, false)
                    AS is_partly_invalid
            FROM library
            LEFT JOIN library_identity AS main ON main.library_id = library.id
            LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
            LEFT JOIN identity_assets.lml_verdict AS verdict ON verdict.library_id = library.id
            LEFT JOIN identity_assets.lml_verdict_state AS state
                ON state.library_id = library.id AND state.asked_at = verdict.asked_at
        ) AS moment
    ) AS ruled
$$;

COMMENT ON FUNCTION identity_assets.due_library IS
'For each library row: the moments that decide when LML is asked about it, since when it is due, and why';
