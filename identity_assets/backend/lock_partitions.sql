-- Takes the lock of each partition for this session, and says which locks another session holds. Each schema of a
-- database has its own locks.
SELECT bucket
FROM unnest(CAST(:buckets AS integer[])) AS bucket
WHERE NOT pg_try_advisory_lock(hashtext('identity_assets.' || current_schema()), bucket)
ORDER BY bucket
