-- Forgets writes that are too old to be taken back. A person's decision that stands can be taken back at any time.
DELETE FROM journal_chunk AS chunk
WHERE chunk.written_at < now() - make_interval(days => :unwind_days)
  AND NOT EXISTS (SELECT FROM correction WHERE correction.run_id = chunk.run_id)
