-- Marks the applied answers as taken back: they are not applied again, and LML is asked again. The ledger shows it.
WITH undone AS (
    UPDATE lml_verdict_state AS state
    SET unwound_at = now()
    FROM lml_verdict AS verdict
    WHERE state.library_id = ANY (CAST(:library_ids AS integer[]))
      AND verdict.library_id = state.library_id
      AND verdict.asked_at = state.asked_at
      AND (verdict.kind = 'single_artist' OR verdict.resolved_tracks IS NOT NULL)
      AND state.applied_at IS NOT NULL
      AND state.unwound_at IS NULL
    RETURNING state.library_id, state.asked_at
)
UPDATE candidate_library AS candidate
SET outcome = 'unwound', detail = 'it was ' || candidate.outcome || '; all that LML wrote was taken back'
FROM undone
WHERE candidate.library_id = undone.library_id
  AND candidate.library_id = ANY (CAST(:library_ids AS integer[]))
  AND candidate.answers_since <= undone.asked_at
