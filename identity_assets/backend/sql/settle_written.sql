-- That the answers of this chunk have been dealt with, and the one outcome of each row that they answered.
WITH answer AS (
    SELECT library_id, kind, asked_at, applied_at, library_id = ANY (CAST(:manual_ids AS integer[])) AS is_manual
    FROM lml_verdict
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
),
applied AS (
    UPDATE lml_verdict AS verdict
    SET applied_at = now()
    FROM answer
    WHERE answer.library_id = verdict.library_id AND answer.applied_at IS NULL
)
UPDATE candidate_library AS candidate
SET
    outcome = CASE
        WHEN answer.is_manual THEN 'manual_override'
        WHEN answer.kind = 'single_artist' THEN 'resolved'
        ELSE answer.kind
    END,
    detail = CASE WHEN answer.is_manual THEN 'the main row is a person''s decision' END
FROM answer
WHERE candidate.library_id = answer.library_id
  AND candidate.answered_at = answer.asked_at
