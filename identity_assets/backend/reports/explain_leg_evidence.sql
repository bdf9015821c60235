-- The Discogs entities to which the two legs pin one library row, and why the database refuses one, if it does.
SELECT leg, source, external_id, method, confidence, verified_at, run_id, refused_reason
FROM leg_evidence
WHERE library_id = :library_id
ORDER BY leg
