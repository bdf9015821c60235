-- The library rows of these partitions that a leg has anything to do with: evidence, or a source row.
SELECT library_id
FROM leg_evidence
WHERE library_id % :partitions = ANY (:buckets)
UNION
SELECT library_id
FROM library_identity_source
WHERE notes IN ('backfill:S1', 'backfill:S3')
  AND library_id % :partitions = ANY (:buckets)
ORDER BY library_id
