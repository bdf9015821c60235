-- Takes the lock of each partition until the transaction ends, so that no run begins. Says which locks another session
-- holds.
SELECT bucket
FROM unnest(CAST(:buckets AS integer[])) AS bucket
WHERE NOT pg_try_advisory_xact_lock(hashtext('identity_assets.' || current_schema()), bucket)
ORDER BY bucket
