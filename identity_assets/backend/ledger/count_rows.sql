-- Counts the rows of each table in each of these partitions.
SELECT 'lml_verdicts' AS asset, library_id % :partitions AS bucket, count(*) AS rows
FROM lml_verdict WHERE library_id % :partitions = ANY (:buckets) GROUP BY 2
UNION ALL
SELECT 'compilation_track_identity', library_id % :partitions, count(*)
FROM compilation_track_artist WHERE library_id % :partitions = ANY (:buckets) GROUP BY 2
UNION ALL
SELECT 'library_identity_source', library_id % :partitions, count(*)
FROM library_identity_source WHERE library_id % :partitions = ANY (:buckets) GROUP BY 2
UNION ALL
SELECT 'library_identity', library_id % :partitions, count(*)
FROM library_identity WHERE library_id % :partitions = ANY (:buckets) GROUP BY 2
UNION ALL
SELECT 'library_unresolved', library_id % :partitions, count(*)
FROM library_unresolved WHERE library_id % :partitions = ANY (:buckets) GROUP BY 2
