-- Waits until no session has a share of these partitions. The next holder runs this after it has taken their locks:
-- from then on no session of the earlier holder can write (share_partitions.sql).
SELECT count(pg_advisory_xact_lock(hashtext('identity_assets.writing.' || current_schema()), bucket))
FROM unnest(CAST(:buckets AS integer[])) AS bucket
