-- What the legs make of these library rows is written: the database refuses it no more.
UPDATE leg_evidence
SET refused_reason = NULL
WHERE refused_reason IS NOT NULL
  AND library_id = ANY (CAST(:library_ids AS integer[]))
