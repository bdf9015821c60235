-- Those of these library rows whose main row is not what their source rows make it.
SELECT library_id
FROM leg_main(CAST(:library_ids AS integer[]))
WHERE is_changed
   OR is_verified_anew
