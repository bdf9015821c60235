-- Those of these runs that changed a table row, as far as the journal remembers.
SELECT DISTINCT run_id
FROM journal_chunk
WHERE run_id = ANY (CAST(:run_ids AS text[]))
  AND EXISTS (SELECT FROM unnest(befores) AS before WHERE before <> 'same')
