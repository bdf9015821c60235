-- Whether this project knows a library row that Backend has deleted: an answer, an attempt, or a replaced row.
SELECT
    EXISTS (SELECT FROM candidate_library WHERE library_id = :library_id)
    OR EXISTS (SELECT FROM lml_verdict WHERE library_id = :library_id)
    OR EXISTS (SELECT FROM library_unresolved WHERE library_id = :library_id)
    OR EXISTS (SELECT FROM library_identity_history WHERE library_id = :library_id)
