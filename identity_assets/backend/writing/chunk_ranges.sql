-- Divides the library rows that wait to be written into ranges of library_id with at most :chunk_rows rows each.
--
-- With :with_legs, the ranges also have the library rows that the writer checks for the legs (leg_library_row).
SELECT min(library_id) AS first_id, max(library_id) AS last_id
FROM (
    SELECT library_id, (row_number() OVER (ORDER BY library_id) - 1) / :chunk_rows AS chunk
    FROM (
        SELECT library_id
        FROM candidate_library
        WHERE outcome IS NULL OR outcome = 'writer_error'
        UNION
        SELECT library_id FROM leg_library_row(:partitions, :buckets) WHERE :with_legs
    ) AS waiting
    WHERE library_id % :partitions = ANY (:buckets)
) AS divided
GROUP BY chunk
ORDER BY chunk
