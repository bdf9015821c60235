-- Main rows that did not stand there before the run.
DELETE FROM library_identity AS main
USING library_write AS written
WHERE written.library_id = main.library_id
  AND written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND written.main_before IS NULL
