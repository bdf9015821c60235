-- The due library rows of a scope as they go into the ledger.
--
-- `answers_since` is the moment of the stored answer if one waits that may be applied without asking; otherwise it is
-- now. A row without an artist has its outcome at once.
CREATE FUNCTION identity_assets.candidate(
    scope text, stale_threshold_days integer, unresolved_retry_days integer, invalid_retry_days integer
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
        due.reason,
        CAST(library.artist_name AS text),
        CAST(library.album_title AS text),
        library.legacy_release_id,
        due.due_from,
        CASE WHEN due.is_answered THEN due.asked_at ELSE now() END,
        due.is_answered,
        CASE WHEN due.has_no_artist THEN 'missing_artist_name' END
    FROM identity_assets.due_library(stale_threshold_days, unresolved_retry_days, invalid_retry_days) AS due
    JOIN library ON library.id = due.library_id
    WHERE due.is_due
      AND (scope = 'full' OR due.in_canonical_scope)
$$;

COMMENT ON FUNCTION identity_assets.candidate IS
'The due library rows of a scope, with what LML is asked about each and whether its answer is stored already';
