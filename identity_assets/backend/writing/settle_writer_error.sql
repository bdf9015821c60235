-- Sets aside an open row whose answer the database refuses, with the reason. The answer stays stored and is not
-- applied.
UPDATE candidate_library AS candidate
SET outcome = 'writer_error', detail = :detail
FROM lml_verdict AS verdict
WHERE candidate.library_id = :library_id
  AND verdict.library_id = candidate.library_id
  AND verdict.asked_at >= candidate.answers_since
  AND NOT verdict.lacks_tracks
  AND (candidate.outcome IS NULL OR candidate.outcome = 'writer_error')
