-- The releases among these that are tombstones in the discogs-cache. A cache without the column not_found has none:
-- then the name means the column of `absent`.
SELECT tombstone.id
FROM (SELECT false AS not_found) AS absent
CROSS JOIN LATERAL (SELECT id FROM release WHERE not_found) AS tombstone
WHERE tombstone.id = ANY (CAST(:release_ids AS integer[]))
