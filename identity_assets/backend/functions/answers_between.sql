-- The same as the view `answer`, for one range of library_id. The view cannot do this: PostgreSQL passes a range on to
-- the first table of the join only, and would read the whole second table for each range.
CREATE FUNCTION identity_assets.answers_between(first_id integer, last_id integer)
RETURNS SETOF identity_assets.answer
LANGUAGE sql STABLE
AS $$
    SELECT
        verdict.library_id,
        verdict.kind,
        verdict.verdict,
        verdict.tracks_trusted,
        verdict.artist_name,
        verdict.album_title,
        verdict.asked_at,
        verdict.run_id,
        verdict.previous_asked_at,
        verdict.previous_kind,
        verdict.resolved_tracks,
        verdict.lacks_tracks,
        state.applied_at,
        state.unwound_at,
        state.rejected_reason,
        state.set_aside,
        state.held_at,
        state.held_run_id,
        state.accepted_at,
        state.dropped_at
    FROM identity_assets.lml_verdict AS verdict
    LEFT JOIN identity_assets.lml_verdict_state AS state
        ON state.library_id = verdict.library_id
       AND state.asked_at = verdict.asked_at
       AND state.library_id BETWEEN first_id AND last_id
    WHERE verdict.library_id BETWEEN first_id AND last_id
$$;

COMMENT ON FUNCTION identity_assets.answers_between IS
'The rows of answer from first_id to last_id, both included';
