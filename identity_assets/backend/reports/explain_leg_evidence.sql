-- What the two older legs pin one library row to, and why the database refuses it where it does.
SELECT leg, source, external_id, method, confidence, verified_at, run_id, refused_reason
FROM leg_evidence
WHERE library_id = :library_id
ORDER BY leg
