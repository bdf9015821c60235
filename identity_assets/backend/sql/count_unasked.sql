SELECT count(*)
FROM candidate_library
WHERE library_id % :partitions = ANY (:buckets)
  AND outcome IS NULL
  AND answered_at IS NULL
