-- The answers that were written: they are not applied again, and LML is asked anew. The ledger says so.
WITH undone AS (
    UPDATE lml_verdict
    SET unwound_at = now()
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
      AND kind = 'single_artist'
      AND applied_at IS NOT NULL
    RETURNING library_id, asked_at
)
UPDATE candidate_library AS candidate
SET outcome = 'unwound', detail = 'it was ' || candidate.outcome || '; all that LML wrote was taken back'
FROM undone
WHERE candidate.library_id = undone.library_id
  AND candidate.answered_at = undone.asked_at
