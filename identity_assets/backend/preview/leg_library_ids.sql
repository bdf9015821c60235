-- The library rows of these partitions for which a leg has evidence or has written something, in library_id order.
SELECT library_id
FROM leg_library_row(:partitions, :buckets)
ORDER BY library_id
