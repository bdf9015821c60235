-- Counts the library rows of these partitions with evidence of the leg: all of them, and those that lose it now.
--
-- Rows that Backend has deleted do not count.
SELECT count(*) AS stored, count(*) FILTER (WHERE found.library_id IS NULL) AS lost
FROM leg_evidence AS old
JOIN library ON library.id = old.library_id
LEFT JOIN unnest(CAST(:library_ids AS integer[])) AS found (library_id) ON found.library_id = old.library_id
WHERE old.leg = :leg
  AND old.library_id % :partitions = ANY (:buckets)
