-- LML's latest answer for each library row, and what happened to it.
CREATE VIEW identity_assets.answer AS
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
    ON state.library_id = verdict.library_id AND state.asked_at = verdict.asked_at;

COMMENT ON VIEW identity_assets.answer IS
'LML''s latest answer for each library row. It waits to be applied if applied_at, unwound_at, rejected_reason, held_at and dropped_at are null';
