-- Deletes the evidence of a leg that is taken back, so that nothing is written from it before it is gathered anew.
DELETE FROM leg_evidence
WHERE leg = :leg
  AND library_id = ANY (CAST(:library_ids AS integer[]))
