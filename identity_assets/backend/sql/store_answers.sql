-- One batch of LML's answers, kept as they came; the ledger notes that the row is answered. An earlier answer that
-- said something else goes to the history. To ask anew after it was unwound is no asking twice.
WITH answer AS (
    SELECT *
    FROM jsonb_to_recordset(CAST(:answers AS jsonb))
        AS a (library_id integer, kind text, rejected_reason text, verdict jsonb)
),
kept AS (
    INSERT INTO lml_verdict_history (
        library_id, kind, verdict, artist_name, album_title, asked_at, run_id, applied_at, rejected_reason
    )
    SELECT
        earlier.library_id, earlier.kind, earlier.verdict, earlier.artist_name, earlier.album_title,
        earlier.asked_at, earlier.run_id, earlier.applied_at, earlier.rejected_reason
    FROM lml_verdict AS earlier
    JOIN answer ON answer.library_id = earlier.library_id
    WHERE earlier.verdict <> answer.verdict
    ON CONFLICT (library_id, asked_at) DO NOTHING
),
stored AS (
    INSERT INTO lml_verdict AS earlier (
        library_id, kind, verdict, artist_name, album_title, asked_at, run_id, applied_at, rejected_reason
    )
    SELECT
        answer.library_id, answer.kind, answer.verdict, candidate.artist_name, candidate.album_title,
        now(), :run_id, NULL, answer.rejected_reason
    FROM answer
    JOIN candidate_library AS candidate ON candidate.library_id = answer.library_id
    ORDER BY answer.library_id
    ON CONFLICT (library_id) DO UPDATE SET
        kind = excluded.kind,
        verdict = excluded.verdict,
        artist_name = excluded.artist_name,
        album_title = excluded.album_title,
        asked_at = excluded.asked_at,
        run_id = excluded.run_id,
        applied_at = NULL,
        unwound_at = NULL,
        rejected_reason = excluded.rejected_reason,
        previous_asked_at = CASE
            WHEN (earlier.artist_name, earlier.album_title) = (excluded.artist_name, excluded.album_title)
                AND earlier.unwound_at IS NULL
            THEN earlier.asked_at
        END,
        previous_kind = earlier.kind
    RETURNING library_id, asked_at, rejected_reason
)
UPDATE candidate_library AS candidate
SET
    answered_at = stored.asked_at,
    outcome = CASE WHEN stored.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict' END,
    detail = stored.rejected_reason
FROM stored
WHERE candidate.library_id = stored.library_id
