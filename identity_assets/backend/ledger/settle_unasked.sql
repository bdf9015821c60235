-- Gives each row that LML was not asked about the outcome :outcome, lml_error or not_asked, with the reason. The row
-- stays due.
UPDATE candidate_library AS candidate
SET outcome = :outcome, detail = :detail
WHERE candidate.library_id % :partitions = ANY (:buckets)
  AND candidate.outcome IS NULL
  AND NOT EXISTS (
      SELECT
      FROM lml_verdict AS verdict
      WHERE verdict.library_id = candidate.library_id
        AND verdict.asked_at >= candidate.answers_since
        AND NOT verdict.lacks_tracks
  )
