-- Locks the main rows of these library rows, so that what is planned is what is taken back.
SELECT count(*)
FROM standing_main_rows(:first_id, :last_id, CAST(:library_ids AS integer[]))
