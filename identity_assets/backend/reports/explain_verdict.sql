-- LML's latest answer for one library row, as it is stored.
SELECT
    kind, verdict, artist_name, album_title, asked_at, run_id, applied_at, unwound_at, rejected_reason, previous_asked_at,
    previous_kind
FROM lml_verdict
WHERE library_id = :library_id
