-- When each library row is due, and why ("Which rows are due" and rule 7 in docs/rules.md). This rule is nowhere
-- else.
--
-- The function returns one row for each row of library.
-- due_from      the moment from which the row is due. Null: it was always due (never_asked). Infinity: it is not due
--               before a person acts (manual, is_held, or a person decided that it has no identity)
-- decided_at    the moment that due_from is counted from: a verification, an attempt, or the last question to LML
-- reason        why the row is due from due_from on. Null: it is not due before a person acts
-- is_held       the answer to the present names is held back until a person accepts or drops it
-- is_due        due_from has passed. A row without an artist name is due like any other row, but LML cannot be asked
--               about it: has_no_artist
-- verified_at   the later of last_verified_at and the answer that made the row a resolved compilation
-- answer_kind   the kind of the stored answer. A compilation belongs to the V/A cohort
-- is_answered   a stored answer to the present names waits to be applied, so LML need not be asked. It may wait until
--               answer_until
-- decision      a person's decision that changes when the row is due. none: it has no identity. rejected: LML's last
--               answer names an identity that a person rejected, so nothing is written from it
-- last_answer   the kind of the stored answer, or of the last attempt. invalid: the answer was set aside, whole or in
--               part
--
-- A resolved compilation has no main row. The moment of its applied answer counts as its verification.
CREATE FUNCTION identity_assets.due_library(
    stale_threshold_days integer, unresolved_retry_days integer, invalid_retry_days integer
)
RETURNS TABLE (
    library_id integer, in_canonical_scope boolean, has_no_artist boolean, has_main_row boolean, is_manual boolean,
    confidence real, last_verified_at timestamptz, attempt_kind text, attempted_at timestamptz, asked_at timestamptz,
    names_changed boolean, reason text, decided_at timestamptz, due_from timestamptz, is_due boolean,
    verified_at timestamptz, answer_kind text, answer_until timestamptz, is_answered boolean, is_held boolean,
    decision text, last_answer text
)
LANGUAGE sql STABLE
AS $$
    SELECT
        library.id,
        library.canonical_entity_id IS NOT NULL,
        coalesce(library.artist_name !~ '\S', true),
        main.library_id IS NOT NULL,
        coalesce(main.method = 'manual', false),
        main.confidence,
        main.last_verified_at,
        attempt.kind,
        attempt.attempted_at,
        answer.asked_at,
        question.names_changed,
        CASE decision.cause
            WHEN 'manual' THEN NULL
            WHEN 'none' THEN NULL
            WHEN 'held' THEN NULL
            WHEN 'names_changed' THEN 'names_changed'
            WHEN 'set_aside' THEN 'invalid_retry_due'
            WHEN 'open' THEN CASE
                WHEN answer.previous_kind = 'asked_again' THEN 'asked_again'
                WHEN answer.previous_kind = 'resolved_compilation' THEN 'stale'
                WHEN answer.previous_asked_at IS NULL THEN 'names_changed'
                ELSE 'invalid_retry_due'
            END
            ELSE CASE
                WHEN verified.moment IS NOT NULL THEN 'stale'
                WHEN attempt.library_id IS NOT NULL OR moment.rejected_until IS NOT NULL THEN 'retry_due'
                ELSE 'never_asked'
            END
        END,
        CASE decision.cause
            WHEN 'manual' THEN NULL
            WHEN 'none' THEN NULL
            WHEN 'window' THEN CASE
                WHEN moment.rejected_until = moment.window_until THEN answer.asked_at
                WHEN moment.attempt_until > moment.verified_until THEN attempt.attempted_at
                ELSE coalesce(verified.moment, attempt.attempted_at)
            END
            ELSE answer.asked_at
        END,
        due.due_from,
        coalesce(due.due_from <= now(), true),
        verified.moment,
        answer.kind,
        moment.answer_until,
        question.is_waiting AND NOT question.names_changed AND moment.answer_until > now(),
        decision.cause = 'held',
        CASE WHEN decided.is_none THEN 'none' WHEN moment.rejected_until IS NOT NULL THEN 'rejected' END,
        CASE
            WHEN answer.rejected_reason IS NOT NULL OR answer.set_aside IS NOT NULL THEN 'invalid'
            ELSE coalesce(answer.kind, attempt.kind)
        END
    FROM library
    LEFT JOIN library_identity AS main ON main.library_id = library.id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
    LEFT JOIN identity_assets.answer AS answer ON answer.library_id = library.id
    LEFT JOIN identity_assets.decided AS decided ON decided.library_id = library.id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN decided.rejected IS NOT NULL
                AND answer.kind = 'single_artist'
                AND answer.applied_at IS NOT NULL
                AND answer.unwound_at IS NULL
                AND main.last_verified_at IS DISTINCT FROM answer.asked_at
            THEN answer.asked_at + make_interval(days => stale_threshold_days)
        END AS rejected_until
    ) AS person
    CROSS JOIN LATERAL (
        SELECT greatest(
            main.last_verified_at,
            CASE
                WHEN answer.resolved_tracks IS NOT NULL AND answer.applied_at IS NOT NULL AND answer.unwound_at IS NULL
                THEN answer.asked_at
            END
        ) AS moment
    ) AS verified
    CROSS JOIN LATERAL (
        SELECT
            person.rejected_until,
            verified.moment + make_interval(days => stale_threshold_days) AS verified_until,
            attempt.attempted_at + make_interval(days => unresolved_retry_days) AS attempt_until,
            greatest(
                verified.moment + make_interval(days => stale_threshold_days),
                attempt.attempted_at + make_interval(days => unresolved_retry_days),
                person.rejected_until
            ) AS window_until,
            answer.asked_at + make_interval(days => invalid_retry_days) AS invalid_until,
            -- A person may accept an answer long after it was held.
            greatest(answer.asked_at, answer.accepted_at) + make_interval(
                days => CASE
                    WHEN answer.kind = 'single_artist' OR answer.resolved_tracks IS NOT NULL THEN stale_threshold_days
                    ELSE unresolved_retry_days
                END
            ) AS answer_until
    ) AS moment
    CROSS JOIN LATERAL (
        SELECT
            answer.library_id IS NOT NULL
                AND NOT identity_assets.has_same_names(
                    answer.artist_name, answer.album_title, library.artist_name, library.album_title
                ) AS names_changed,
            answer.library_id IS NOT NULL
                AND answer.applied_at IS NULL
                AND answer.unwound_at IS NULL
                AND answer.rejected_reason IS NULL
                AND answer.held_at IS NULL
                AND answer.dropped_at IS NULL
                AND NOT answer.lacks_tracks
                AS is_waiting,
            answer.unwound_at IS NULL
                AND CASE
                    WHEN answer.applied_at IS NULL THEN answer.rejected_reason IS NOT NULL
                    -- The answer is used in part. The shorter window may end first.
                    ELSE answer.set_aside IS NOT NULL AND moment.invalid_until < moment.window_until
                END
                AS is_set_aside,
            -- LML was asked inside a window, because the names were new, an answer was set aside or a person wanted it.
            -- Nothing is written from its answer: the answer waits, was taken back, or was dropped. The same is true for
            -- a resolved compilation in any case: its earlier answer, which alone was its verification, is gone.
            coalesce(
                answer.asked_at > greatest(verified.moment, attempt.attempted_at)
                    AND answer.asked_at < moment.window_until,
                answer.previous_kind IN ('asked_again', 'resolved_compilation')
            )
                AND (
                    answer.unwound_at IS NOT NULL
                    OR answer.dropped_at IS NOT NULL
                    OR (answer.applied_at IS NULL AND answer.rejected_reason IS NULL AND moment.answer_until > now())
                )
                AS is_open
    ) AS question
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN main.method = 'manual' THEN 'manual'
            WHEN decided.is_none THEN 'none'
            WHEN question.names_changed THEN 'names_changed'
            WHEN answer.held_at IS NOT NULL THEN 'held'
            WHEN question.is_set_aside THEN 'set_aside'
            WHEN question.is_open THEN 'open'
            ELSE 'window'
        END AS cause
    ) AS decision
    CROSS JOIN LATERAL (
        SELECT CASE decision.cause
            WHEN 'manual' THEN 'infinity'
            WHEN 'none' THEN 'infinity'
            WHEN 'held' THEN 'infinity'
            WHEN 'set_aside' THEN moment.invalid_until
            WHEN 'window' THEN moment.window_until
            -- The row is due at once, even if the clock was set back since this question. It has waited since then.
            ELSE least(answer.asked_at, now())
        END AS due_from
    ) AS due
$$;

COMMENT ON FUNCTION identity_assets.due_library IS
'For each library row: the moments that decide when LML is asked about it, from when it is due, and why';
