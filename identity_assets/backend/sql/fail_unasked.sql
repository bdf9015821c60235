-- Inputs that were not asked because the step gave up. They stay due.
UPDATE candidate_library
SET outcome = 'lml_error', detail = :detail
WHERE library_id % :partitions = ANY (:buckets)
  AND outcome IS NULL
  AND answered_at IS NULL
