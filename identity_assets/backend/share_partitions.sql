-- Takes a share of these partitions for this session, until it ends. Says whether the session with the process id
-- :holder still holds their locks, so that this session may write.
--
-- A later holder waits until no session has a share (fence_partitions.sql), so the answer holds as long as this session
-- does. The inner query reads `share`, so it looks at the locks after the share is taken. A share that a later holder
-- already waits for is not given.
SELECT share.is_given AND held.partitions = cardinality(CAST(:buckets AS integer[])) AS is_held
FROM (
    SELECT bool_and(
        pg_try_advisory_lock_shared(hashtext('identity_assets.writing.' || current_schema()), bucket)
    ) AS is_given
    FROM unnest(CAST(:buckets AS integer[])) AS bucket
    OFFSET 0
) AS share
CROSS JOIN LATERAL (
    SELECT count(DISTINCT lock.objid) AS partitions
    FROM pg_locks AS lock
    WHERE share.is_given
      AND lock.locktype = 'advisory'
      AND lock.granted
      AND lock.objsubid = 2
      AND lock.pid = :holder
      AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND CAST(lock.classid AS bigint)
          = (CAST(hashtext('identity_assets.' || current_schema()) AS bigint) & 4294967295)
      AND CAST(CAST(lock.objid AS bigint) AS integer) = ANY (:buckets)
    OFFSET 0
) AS held
