-- A leg that is taken back has found nothing.
DELETE FROM leg_evidence
WHERE leg = :leg
  AND library_id = ANY (CAST(:library_ids AS integer[]))
