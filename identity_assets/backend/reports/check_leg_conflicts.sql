-- Library rows for which the legs name different releases: two ids of one kind, or a release that does not belong to
-- the other leg's master in the discogs-cache. `stands` is the leg whose id is written.
SELECT
    pair.library_id,
    one.source || ' ' || one.external_id AS s1_says,
    one.confidence AS s1_confidence,
    three.source || ' ' || three.external_id AS s3_says,
    three.confidence AS s3_confidence,
    CASE WHEN three.confidence > one.confidence THEN 'S3' ELSE 'S1' END AS stands,
    three.checked_master_id AS release_belongs_to_master,
    count(*) OVER () AS offending
FROM leg_pair((SELECT array_agg(library_id) FROM leg_evidence WHERE leg = 'S3')) AS pair
JOIN leg_evidence AS one ON one.library_id = pair.library_id AND one.leg = 'S1'
JOIN leg_evidence AS three ON three.library_id = pair.library_id AND three.leg = 'S3'
WHERE pair.is_conflict
ORDER BY pair.library_id
LIMIT :sample_rows
