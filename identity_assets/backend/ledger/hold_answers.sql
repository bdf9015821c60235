-- Holds back every answer of these partitions that waits to be written, except those that a person has accepted.
WITH held AS MATERIALIZED (
    SELECT candidate.library_id, answer.asked_at
    FROM candidate_library AS candidate
    JOIN answer ON answer.library_id = candidate.library_id AND answer.asked_at >= candidate.answers_since
    WHERE candidate.library_id % :partitions = ANY (:buckets)
      AND candidate.outcome IS NULL
      AND answer.rejected_reason IS NULL
      AND answer.accepted_at IS NULL
),
marked AS (
    INSERT INTO lml_verdict_state AS state (library_id, asked_at, held_at, held_run_id)
    SELECT library_id, asked_at, now(), :run_id
    FROM held
    ORDER BY library_id
    ON CONFLICT (library_id) DO UPDATE SET
        asked_at = excluded.asked_at,
        applied_at = NULL,
        unwound_at = NULL,
        rejected_reason = NULL,
        set_aside = CASE WHEN state.asked_at = excluded.asked_at THEN state.set_aside END,
        held_at = excluded.held_at,
        held_run_id = excluded.held_run_id,
        accepted_at = NULL,
        dropped_at = NULL
)
UPDATE candidate_library AS candidate
SET outcome = 'answer_held', detail = :detail
FROM held
WHERE candidate.library_id = held.library_id
