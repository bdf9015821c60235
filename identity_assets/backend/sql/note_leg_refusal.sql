-- Why the database refuses what the legs make of a library row, or that it does so no more.
UPDATE leg_evidence
SET refused_reason = :detail
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
  AND refused_reason IS DISTINCT FROM :detail
