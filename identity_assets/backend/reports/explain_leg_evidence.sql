-- The evidence of the two legs for one library row, and the reason if the database refuses it.
SELECT leg, source, external_id, method, confidence, verified_at, run_id, refused_reason
FROM leg_evidence
WHERE library_id = :library_id
ORDER BY leg
