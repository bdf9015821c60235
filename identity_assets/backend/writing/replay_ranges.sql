-- Divides the stored answers of these partitions into ranges of library_id with at most :rows answers each.
SELECT min(library_id) AS first_id, max(library_id) AS last_id
FROM (
    SELECT library_id, (row_number() OVER (ORDER BY library_id) - 1) / :rows AS chunk
    FROM lml_verdict
    WHERE library_id % :partitions = ANY (:buckets)
) AS divided
GROUP BY chunk
ORDER BY chunk
