-- Accepts or drops the held answers of these runs. If the ledger still has the rows, it follows: an accepted answer
-- waits to be written, and a dropped one is not used.
WITH decided AS (
    UPDATE lml_verdict_state AS state
    SET
        held_at = NULL,
        held_run_id = NULL,
        accepted_at = CASE WHEN :is_accepted THEN now() END,
        dropped_at = CASE WHEN NOT :is_accepted THEN now() END
    FROM held_answer() AS held
    WHERE held.library_id = state.library_id
      AND held.held_run_id = ANY (CAST(:run_ids AS text[]))
    RETURNING state.library_id, state.asked_at
),
settled AS (
    UPDATE candidate_library AS candidate
    SET
        outcome = CASE WHEN NOT :is_accepted THEN 'unwound' END,
        detail = CASE WHEN NOT :is_accepted THEN 'a person dropped the answer that was held back' END
    FROM decided
    WHERE candidate.library_id = decided.library_id
      AND candidate.answers_since <= decided.asked_at
      AND candidate.outcome = 'answer_held'
)
SELECT count(*) FROM decided
