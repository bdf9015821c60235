-- What the legs had not put into the main row before the run, or not so.
DELETE FROM leg_filled AS filled
USING library_write AS written
WHERE written.library_id = filled.library_id
  AND written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND to_jsonb(filled) IS DISTINCT FROM written.filled_before
