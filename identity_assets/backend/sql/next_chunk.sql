-- The next answered rows to write: at most :chunk_rows after :after, in library_id order.
SELECT library_id
FROM candidate_library
WHERE library_id > :after
  AND library_id % :partitions = ANY (:buckets)
  AND answered_at IS NOT NULL
  AND (outcome IS NULL OR outcome = 'writer_error')
ORDER BY library_id
LIMIT :chunk_rows
