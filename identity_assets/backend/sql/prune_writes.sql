-- What is too old to be taken back.
DELETE FROM library_write
WHERE written_at < now() - make_interval(days => :unwind_days)
