-- Stores the new judgement of answers that are judged differently than before. The ledger follows if the same answer
-- belongs to its row and was never applied. If an applied answer is rejected now, its row keeps its outcome.
WITH given AS MATERIALIZED (
    SELECT judgement.library_id, answer.asked_at, answer.applied_at, judgement.rejected_reason, judgement.set_aside
    FROM jsonb_to_recordset(CAST(:judgements AS jsonb))
        AS judgement (library_id integer, rejected_reason text, set_aside jsonb)
    JOIN answer ON answer.library_id = judgement.library_id
),
judged AS (
    INSERT INTO lml_verdict_state AS state (library_id, asked_at, rejected_reason, set_aside)
    SELECT library_id, asked_at, rejected_reason, set_aside
    FROM given
    ORDER BY library_id
    ON CONFLICT (library_id) DO UPDATE SET
        asked_at = excluded.asked_at,
        applied_at = CASE WHEN state.asked_at = excluded.asked_at THEN state.applied_at END,
        unwound_at = CASE WHEN state.asked_at = excluded.asked_at THEN state.unwound_at END,
        rejected_reason = excluded.rejected_reason,
        set_aside = excluded.set_aside,
        held_at = NULL,
        held_run_id = NULL,
        accepted_at = CASE WHEN state.asked_at = excluded.asked_at THEN state.accepted_at END,
        dropped_at = NULL
)
UPDATE candidate_library AS candidate
SET
    outcome = CASE WHEN given.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict' END,
    detail = given.rejected_reason
FROM given
WHERE candidate.library_id = given.library_id
  AND candidate.answers_since <= given.asked_at
  AND given.applied_at IS NULL
