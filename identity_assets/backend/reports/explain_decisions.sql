-- What people decided about one library row, the latest first.
SELECT decision, source, ids, made_by, made_at, run_id, note
FROM correction
WHERE library_id = :library_id
ORDER BY made_at DESC, key
