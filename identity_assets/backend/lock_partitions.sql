-- Takes the lock of each partition for this session, and says which are held by somebody else. Two schemas of one
-- database do not meet.
SELECT bucket
FROM unnest(CAST(:buckets AS integer[])) AS bucket
WHERE NOT pg_try_advisory_lock(hashtext('identity_assets.' || current_schema()), bucket)
ORDER BY bucket
