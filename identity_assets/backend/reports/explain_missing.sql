-- Whether this project knows a library row that Backend no longer has: an answer, an attempt, or a row that was replaced.
SELECT
    EXISTS (SELECT FROM candidate_library WHERE library_id = :library_id)
    OR EXISTS (SELECT FROM lml_verdict WHERE library_id = :library_id)
    OR EXISTS (SELECT FROM library_unresolved WHERE library_id = :library_id)
    OR EXISTS (SELECT FROM library_identity_history WHERE library_id = :library_id)
