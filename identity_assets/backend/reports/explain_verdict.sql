-- LML's latest answer for one library row, and what happened to it.
SELECT
    kind, verdict, artist_name, album_title, asked_at, run_id, applied_at, unwound_at, rejected_reason, set_aside,
    previous_asked_at, previous_kind, held_at, held_run_id, accepted_at, dropped_at
FROM answer
WHERE library_id = :library_id
