-- The main rows of one library row that were replaced by different ones, the newest first.
SELECT *
FROM library_identity_history
WHERE library_id = :library_id
ORDER BY superseded_at DESC, history_id DESC
