-- Marks answers from which nothing is written any more: they are not applied again, and LML is asked again. The
-- ledger shows it.
WITH undone AS MATERIALIZED (
    SELECT answer.library_id, answer.asked_at
    FROM answers_between(:first_id, :last_id) AS answer
    WHERE answer.library_id = ANY (CAST(:library_ids AS integer[]))
      AND answer.applied_at IS NOT NULL
      AND CASE
          WHEN answer.resolved_tracks IS NOT NULL THEN true
          WHEN answer.kind = 'single_artist' THEN NOT EXISTS (
              SELECT FROM library_identity AS main
              WHERE main.library_id = answer.library_id AND main.last_verified_at = answer.asked_at
          )
          ELSE NOT EXISTS (
              SELECT FROM library_unresolved AS attempt
              WHERE attempt.library_id = answer.library_id AND attempt.attempted_at = answer.asked_at
          )
      END
),
marked AS (
    UPDATE lml_verdict_state AS state
    SET unwound_at = now()
    FROM undone
    WHERE undone.library_id = state.library_id AND state.library_id BETWEEN :first_id AND :last_id
)
UPDATE candidate_library AS candidate
SET
    outcome = 'unwound',
    detail = 'it was ' || candidate.outcome || '; ' || CAST(:taken_back AS text)
FROM undone
WHERE candidate.library_id = undone.library_id
  AND candidate.library_id BETWEEN :first_id AND :last_id
  AND candidate.answers_since <= undone.asked_at
