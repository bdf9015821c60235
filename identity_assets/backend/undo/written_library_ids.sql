-- The library rows that a run wrote.
SELECT DISTINCT library_id
FROM journal_entry
WHERE run_id = :run_id AND before <> 'same'
