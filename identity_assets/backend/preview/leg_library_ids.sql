-- The library rows of these partitions that a leg has to do with already, in library_id order.
SELECT library_id
FROM leg_library_row(:partitions, :buckets)
ORDER BY library_id
