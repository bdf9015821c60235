-- The first of these partitions that another session holds or has a share of, and who that is: the application_name
-- says which run.
SELECT
    held.objid::bigint::integer AS bucket,
    activity.application_name || ' (since ' || to_char(activity.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') || ')' AS holder
FROM pg_locks AS held
JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory'
  AND held.granted
  AND held.objsubid = 2
  AND held.pid <> :own_process_id
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.classid::bigint IN (
      hashtext('identity_assets.' || current_schema())::bigint & 4294967295,
      hashtext('identity_assets.writing.' || current_schema())::bigint & 4294967295
  )
  AND held.objid::bigint::integer = ANY (CAST(:buckets AS integer[]))
ORDER BY held.objid, held.mode
LIMIT 1
