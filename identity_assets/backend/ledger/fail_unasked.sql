-- Gives every row that was not asked, because the step gave up, the outcome lml_error. It stays due.
UPDATE candidate_library AS candidate
SET outcome = 'lml_error', detail = :detail
WHERE candidate.library_id % :partitions = ANY (:buckets)
  AND candidate.outcome IS NULL
  AND NOT EXISTS (
      SELECT
      FROM lml_verdict AS verdict
      WHERE verdict.library_id = candidate.library_id
        AND verdict.asked_at >= candidate.answers_since
        AND NOT verdict.lacks_tracks
  )
