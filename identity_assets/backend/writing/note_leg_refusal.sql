-- Stores the reason why the database refuses the rows that the legs make for a library row.
UPDATE leg_evidence
SET refused_reason = :detail
WHERE library_id = :library_id
