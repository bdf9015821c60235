-- Whether the session with the process id :holder still holds the locks of all these partitions.
--
-- The shared locks come first and last until the end of this transaction. A later holder of the partitions waits for them
-- (fence_partitions.sql), so the answer holds until this transaction has committed. The inner query reads `fence`, so it
-- looks at the locks after these are taken.
SELECT held.partitions = cardinality(CAST(:buckets AS integer[])) AS is_held
FROM (
    SELECT count(pg_advisory_xact_lock_shared(hashtext('identity_assets.writing.' || current_schema()), bucket)) AS taken
    FROM unnest(CAST(:buckets AS integer[])) AS bucket
    OFFSET 0
) AS fence
CROSS JOIN LATERAL (
    SELECT count(DISTINCT lock.objid) AS partitions
    FROM pg_locks AS lock
    WHERE fence.taken > 0
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
