-- A row that the database refuses, set aside with its reason. Its answer stays stored and not applied.
UPDATE candidate_library AS candidate
SET outcome = 'writer_error', detail = :detail
FROM lml_verdict AS answer
WHERE candidate.library_id = :library_id
  AND answer.library_id = candidate.library_id
  AND answer.asked_at = candidate.answered_at
