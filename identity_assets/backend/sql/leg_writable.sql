-- Those of these library rows whose main row is no person's decision.
SELECT library_id
FROM leg_writable(CAST(:library_ids AS integer[]))
ORDER BY library_id
