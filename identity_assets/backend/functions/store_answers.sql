-- Stores one batch of answers as they came, before anything is written from them.
--
-- An earlier answer that differs goes to the history. The ledger changes only if an answer is rejected, or if a
-- compilation must be asked about again with its tracks. Then the row moves to the V/A cohort.
--
-- Three kinds of questions do not count as asked twice: with tracks after without tracks, after an answer was taken
-- back or dropped, and because a person wanted it (`previous_kind` is `asked_again`). If the earlier answer was set
-- aside, whole or in part, `previous_kind` is `invalid`, and its window is INVALID_RETRY_DAYS.
--
-- A run calls this once a batch, and PostgreSQL would plan it anew each time. A session keeps one plan. The other
-- settings forbid plans that are good only for as long as the tables are small.
CREATE FUNCTION identity_assets.store_answers(new_answers jsonb, of_run text, with_tracks boolean)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    WITH given AS MATERIALIZED (
        SELECT
            answer.*, candidate.artist_name, candidate.album_title, candidate.reason,
            greatest(now(), candidate.selected_at) AS asked_at,
            identity_assets.resolved_tracks(answer.kind, answer.tracks_trusted, answer.verdict) AS resolved_tracks,
            NOT with_tracks AND answer.kind IS NOT DISTINCT FROM 'compilation' AND answer.rejected_reason IS NULL
                AS lacks_tracks
        FROM jsonb_to_recordset(new_answers) AS answer (
            library_id integer, kind text, verdict jsonb, tracks_trusted boolean, rejected_reason text, set_aside jsonb
        )
        JOIN identity_assets.candidate_library AS candidate ON candidate.library_id = answer.library_id
    ),
    earlier AS MATERIALIZED (
        SELECT answer.*, given.verdict AS new_verdict
        FROM given
        JOIN identity_assets.answer AS answer ON answer.library_id = given.library_id
    ),
    kept AS (
        INSERT INTO identity_assets.lml_verdict_history (
            library_id, kind, verdict, artist_name, album_title, asked_at, run_id, applied_at, rejected_reason
        )
        SELECT library_id, kind, verdict, artist_name, album_title, asked_at, run_id, applied_at, rejected_reason
        FROM earlier
        WHERE verdict <> new_verdict
        ON CONFLICT (library_id, asked_at) DO NOTHING
    ),
    fate AS MATERIALIZED (
        SELECT
            library_id,
            unwound_at IS NOT NULL OR dropped_at IS NOT NULL AS is_void,
            rejected_reason IS NOT NULL OR set_aside IS NOT NULL AS is_invalid
        FROM earlier
        WHERE unwound_at IS NOT NULL
           OR dropped_at IS NOT NULL
           OR rejected_reason IS NOT NULL
           OR set_aside IS NOT NULL
    ),
    stored AS (
        INSERT INTO identity_assets.lml_verdict AS standing (
            library_id, kind, verdict, tracks_trusted, artist_name, album_title, asked_at, run_id, resolved_tracks,
            lacks_tracks
        )
        SELECT
            library_id, kind, verdict, tracks_trusted, artist_name, album_title, asked_at, of_run, resolved_tracks,
            lacks_tracks
        FROM given
        ORDER BY library_id
        ON CONFLICT (library_id) DO UPDATE SET
            kind = excluded.kind,
            verdict = excluded.verdict,
            tracks_trusted = excluded.tracks_trusted,
            artist_name = excluded.artist_name,
            album_title = excluded.album_title,
            asked_at = greatest(excluded.asked_at, standing.asked_at + interval '1 microsecond'),
            run_id = excluded.run_id,
            resolved_tracks = excluded.resolved_tracks,
            lacks_tracks = excluded.lacks_tracks,
            previous_asked_at = CASE
                WHEN standing.lacks_tracks THEN standing.previous_asked_at
                WHEN (standing.artist_name, standing.album_title) = (excluded.artist_name, excluded.album_title)
                    AND NOT EXISTS (SELECT FROM fate WHERE fate.library_id = standing.library_id AND fate.is_void)
                THEN standing.asked_at
            END,
            previous_kind = CASE
                WHEN standing.lacks_tracks THEN standing.previous_kind
                WHEN EXISTS (
                    SELECT FROM given WHERE given.library_id = standing.library_id AND given.reason = 'asked_again'
                ) THEN 'asked_again'
                WHEN EXISTS (SELECT FROM fate WHERE fate.library_id = standing.library_id AND fate.is_invalid) THEN 'invalid'
                WHEN standing.resolved_tracks IS NOT NULL THEN 'resolved_compilation'
                ELSE standing.kind
            END
        RETURNING library_id, asked_at
    ),
    judged AS (
        INSERT INTO identity_assets.lml_verdict_state AS state (library_id, asked_at, rejected_reason, set_aside)
        SELECT given.library_id, stored.asked_at, given.rejected_reason, given.set_aside
        FROM given
        JOIN stored ON stored.library_id = given.library_id
        WHERE given.rejected_reason IS NOT NULL OR given.set_aside IS NOT NULL
        ORDER BY given.library_id
        ON CONFLICT (library_id) DO UPDATE SET
            asked_at = excluded.asked_at,
            applied_at = NULL,
            unwound_at = NULL,
            rejected_reason = excluded.rejected_reason,
            set_aside = excluded.set_aside,
            held_at = NULL,
            held_run_id = NULL,
            accepted_at = NULL,
            dropped_at = NULL
    )
    UPDATE identity_assets.candidate_library AS candidate
    SET
        outcome = CASE WHEN given.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict' END,
        detail = given.rejected_reason,
        cohort = CASE WHEN given.lacks_tracks THEN 'va' ELSE candidate.cohort END
    FROM given
    WHERE candidate.library_id = given.library_id
      AND (given.rejected_reason IS NOT NULL OR given.lacks_tracks);
END
$$;

COMMENT ON FUNCTION identity_assets.store_answers IS
'Stores one batch of answers of LML: an array of objects, each with an answer and how it was judged';
