-- Forgets writes that are too old to be taken back.
DELETE FROM journal_chunk
WHERE written_at < now() - make_interval(days => :unwind_days)
