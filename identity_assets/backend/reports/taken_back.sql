-- Counts by run the library rows whose answers were taken back, for these runs. The ledger knows them until the next
-- pass selects the rows again.
SELECT run_id, count(*) AS library_rows
FROM candidate_library
WHERE outcome = 'unwound' AND run_id = ANY (:run_ids)
GROUP BY run_id
