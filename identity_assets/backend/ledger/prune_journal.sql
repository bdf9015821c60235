-- Deletes writes from the journal that are too old to be taken back. A person's decision that stands can be taken
-- back at any time, so its writes stay.
DELETE FROM journal_chunk AS chunk
WHERE chunk.written_at < now() - make_interval(days => :unwind_days)
  AND NOT EXISTS (SELECT FROM correction WHERE correction.run_id = chunk.run_id)
