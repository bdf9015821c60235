-- The session that holds the partition. Its application_name names the run.
SELECT activity.application_name || ' (since ' || to_char(activity.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') || ')'
FROM pg_locks AS held
JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory'
  AND held.granted
  AND held.objsubid = 2
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.classid::bigint = (hashtext('identity_assets.' || current_schema())::bigint & 4294967295)
  AND held.objid = CAST(:bucket AS oid)
LIMIT 1
