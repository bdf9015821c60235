-- Locks the main rows of these library rows, so that they do not change between the plan and the undo.
SELECT count(*)
FROM standing_main_rows(:first_id, :last_id, CAST(:library_ids AS integer[]))
