-- The tables among these that exist in the discogs-cache. LOCK TABLE accepts tables and views, but no materialised
-- view.
SELECT wanted.name, pg_class.relkind IN ('r', 'p', 'v') AS can_be_locked
FROM unnest(CAST(:names AS text[])) AS wanted (name)
JOIN pg_class ON pg_class.oid = to_regclass(wanted.name)
