-- Stored answers that are judged otherwise than before; the ledger follows where it stands on the same answer. What
-- was written from one that is rejected now was written all the same: its outcome stays.
WITH judged AS (
    UPDATE lml_verdict AS verdict
    SET rejected_reason = judgement.rejected_reason
    FROM jsonb_to_recordset(CAST(:judgements AS jsonb)) AS judgement (library_id integer, rejected_reason text)
    WHERE verdict.library_id = judgement.library_id
    RETURNING verdict.library_id, verdict.asked_at, verdict.applied_at, verdict.rejected_reason
)
UPDATE candidate_library AS candidate
SET
    outcome = CASE WHEN judged.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict' END,
    detail = judged.rejected_reason
FROM judged
WHERE candidate.library_id = judged.library_id
  AND candidate.answered_at = judged.asked_at
  AND judged.applied_at IS NULL
