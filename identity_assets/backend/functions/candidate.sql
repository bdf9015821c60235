-- The library rows of a scope as they enter the ledger: the due rows, or the rows that a person wants LML to be asked
-- about again.
--
-- `ask_again` (unresolved, compilations, invalid or all) selects by LML's last answer. It takes only rows that LML
-- was asked about before, due or not. Other due rows are left out. `asked_before` keeps the rows that were last asked
-- about before that moment. `only_library_ids` keeps these library rows, in any scope. LML is not asked about rows
-- that a person decided.
--
-- `answers_since` is the moment of a stored answer that may be applied without asking LML. Without such an answer it
-- is now. A row without an artist name gets its outcome at once.
CREATE FUNCTION identity_assets.candidate(
    scope text, stale_threshold_days integer, unresolved_retry_days integer, invalid_retry_days integer,
    ask_again text DEFAULT NULL, only_library_ids integer[] DEFAULT NULL, asked_before timestamptz DEFAULT NULL
)
RETURNS TABLE (
    library_id integer, cohort text, reason text, artist_name text, album_title text, legacy_release_id integer,
    due_from timestamptz, answers_since timestamptz, is_answered boolean, outcome text
)
LANGUAGE sql STABLE
AS $$
    SELECT
        library.id,
        CASE
            WHEN library.code_volume_letters LIKE 'Z%' OR due.answer_kind = 'compilation' THEN 'va'
            WHEN EXISTS (
                SELECT FROM compilation_track_artist AS credit WHERE credit.library_id = library.id
            ) THEN 'va'
            ELSE 'non_va'
        END,
        CASE WHEN ask_again IS NULL THEN due.reason ELSE 'asked_again' END,
        CAST(library.artist_name AS text),
        CAST(library.album_title AS text),
        library.legacy_release_id,
        due.due_from,
        CASE WHEN ask_again IS NULL AND due.is_answered THEN due.asked_at ELSE now() END,
        ask_again IS NULL AND due.is_answered,
        CASE WHEN due.has_no_artist THEN 'missing_artist_name' END
    FROM identity_assets.due_library(stale_threshold_days, unresolved_retry_days, invalid_retry_days) AS due
    JOIN library ON library.id = due.library_id
    WHERE CASE
        WHEN ask_again IS NULL THEN due.is_due AND (scope = 'full' OR due.in_canonical_scope)
        ELSE
            coalesce(due.due_from < 'infinity', true)
            AND coalesce(due.asked_at, due.attempted_at, due.last_verified_at)
                < coalesce(asked_before, CAST('infinity' AS timestamptz))
            AND (ask_again = 'all' OR ask_again = CASE due.last_answer
                WHEN 'compilation' THEN 'compilations'
                ELSE due.last_answer
            END)
            AND CASE
                WHEN only_library_ids IS NULL THEN scope = 'full' OR due.in_canonical_scope
                ELSE due.library_id = ANY (only_library_ids)
            END
    END
$$;

COMMENT ON FUNCTION identity_assets.candidate IS
'The library rows of a scope that are due or to be asked about again, the input for LML, and whether a stored answer exists';
