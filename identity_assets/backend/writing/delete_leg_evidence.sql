-- Deletes the evidence of a leg that is taken back. So nothing is written from it before the leg is gathered again.
DELETE FROM leg_evidence
WHERE leg = :leg
  AND library_id = ANY (CAST(:library_ids AS integer[]))
