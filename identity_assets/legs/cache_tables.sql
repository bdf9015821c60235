-- Which of these tables of the discogs-cache exist. LOCK TABLE takes tables and views, and no materialised view.
SELECT wanted.name, pg_class.relkind IN ('r', 'p', 'v') AS can_be_locked
FROM unnest(CAST(:names AS text[])) AS wanted (name)
JOIN pg_class ON pg_class.oid = to_regclass(wanted.name)
