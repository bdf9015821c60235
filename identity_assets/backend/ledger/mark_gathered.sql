-- Records that a leg was gathered in these partitions. From now on, missing evidence there removes its source rows.
INSERT INTO leg_gathered (leg, partitions, bucket)
SELECT :leg, :partitions, bucket
FROM unnest(CAST(:buckets AS integer[])) AS bucket
ON CONFLICT DO NOTHING
