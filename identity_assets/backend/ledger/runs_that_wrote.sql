-- The runs among these that changed a table row and that the journal still has.
SELECT DISTINCT run_id
FROM journal_chunk
WHERE run_id = ANY (CAST(:run_ids AS text[]))
  AND EXISTS (SELECT FROM unnest(befores) AS before WHERE before <> 'same')
