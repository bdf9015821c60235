-- What the current pass made of one library row.
SELECT scope, cohort, reason, selected_at, run_id, answered_at, outcome, detail
FROM candidate_library
WHERE library_id = :library_id
