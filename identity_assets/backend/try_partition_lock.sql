-- Whether this session now holds the partition. Two schemas of one database do not meet.
SELECT pg_try_advisory_lock(hashtext('identity_assets.' || current_schema()), :bucket)
