-- The one outcome of each row of this chunk, and that its answer has been dealt with.
WITH applied AS (
    UPDATE lml_verdict
    SET applied_at = now()
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
    RETURNING library_id, kind, library_id = ANY (CAST(:manual_ids AS integer[])) AS is_manual
)
UPDATE candidate_library AS candidate
SET
    outcome = CASE
        WHEN applied.is_manual THEN 'manual_override'
        WHEN applied.kind = 'single_artist' THEN 'resolved'
        ELSE applied.kind
    END,
    detail = CASE WHEN applied.is_manual THEN 'the main row is a person''s decision' END
FROM applied
WHERE candidate.library_id = applied.library_id
