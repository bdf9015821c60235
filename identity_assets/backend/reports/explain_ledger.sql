-- What the current pass did with one library row.
SELECT scope, cohort, reason, selected_at, run_id, answered_at, outcome, detail
FROM ledger
WHERE library_id = :library_id
