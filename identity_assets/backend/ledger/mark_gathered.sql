-- From now on no evidence in these partitions means that there is none.
INSERT INTO leg_gathered (leg, partitions, bucket)
SELECT :leg, :partitions, bucket
FROM unnest(CAST(:buckets AS integer[])) AS bucket
ON CONFLICT DO NOTHING
