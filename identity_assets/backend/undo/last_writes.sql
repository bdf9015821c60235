-- The run that last wrote each of these library rows, if the journal still has it.
SELECT DISTINCT ON (entry.library_id) entry.library_id, entry.run_id
FROM journal_entry AS entry
WHERE entry.library_id = ANY (CAST(:library_ids AS integer[]))
  AND entry.first_library_id <= (SELECT max(one) FROM unnest(CAST(:library_ids AS integer[])) AS one)
  AND entry.last_library_id >= (SELECT min(one) FROM unnest(CAST(:library_ids AS integer[])) AS one)
  AND entry.before <> 'same'
ORDER BY entry.library_id, entry.chunk_id DESC
