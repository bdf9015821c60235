-- Keeps the reason for which the database refuses what the legs make of a library row.
UPDATE leg_evidence
SET refused_reason = :detail
WHERE library_id = :library_id
