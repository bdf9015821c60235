-- Opens the rows again that LML failed on, or was not asked about, earlier in this pass. So a second run of the step
-- asks about them.
UPDATE candidate_library
SET outcome = NULL, detail = NULL
WHERE library_id % :partitions = ANY (:buckets)
  AND outcome IN ('lml_error', 'lml_cardinality_mismatch', 'not_asked')
