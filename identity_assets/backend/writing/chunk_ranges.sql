-- Divides the library rows that wait to be written into ranges of library_id with at most :chunk_rows rows each.
--
-- With :with_legs, the library rows that a leg has to do with are among them: evidence, or a source row of a leg.
SELECT min(library_id) AS first_id, max(library_id) AS last_id
FROM (
    SELECT library_id, (row_number() OVER (ORDER BY library_id) - 1) / :chunk_rows AS chunk
    FROM (
        SELECT library_id
        FROM candidate_library
        WHERE outcome IS NULL OR outcome = 'writer_error'
        UNION
        SELECT library_id FROM leg_evidence WHERE :with_legs
        UNION
        SELECT library_id
        FROM library_identity_source
        WHERE :with_legs AND notes IN ('backfill:S1', 'backfill:S3')
    ) AS waiting
    WHERE library_id % :partitions = ANY (:buckets)
) AS divided
GROUP BY chunk
ORDER BY chunk
