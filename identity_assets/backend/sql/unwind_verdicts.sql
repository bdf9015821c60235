-- Answers of which nothing stands any more: they are not applied again, and LML is asked anew. The ledger says so.
WITH undone AS (
    UPDATE lml_verdict AS verdict
    SET unwound_at = now()
    FROM library_write AS written
    WHERE written.library_id = verdict.library_id
      AND written.run_id = :run_id
      AND written.library_id = ANY (CAST(:library_ids AS integer[]))
      AND verdict.applied_at IS NOT NULL
      AND verdict.asked_at IS DISTINCT FROM CASE
          WHEN verdict.kind = 'single_artist' THEN CAST(written.main_before ->> 'last_verified_at' AS timestamptz)
          ELSE CAST(written.attempt_before ->> 'attempted_at' AS timestamptz)
      END
    RETURNING verdict.library_id, verdict.asked_at
)
UPDATE candidate_library AS candidate
SET
    outcome = 'unwound',
    detail = 'it was ' || candidate.outcome || '; run ' || CAST(:run_id AS text) || ' was taken back'
FROM undone
WHERE candidate.library_id = undone.library_id
  AND candidate.answered_at = undone.asked_at
