-- A row that the database refuses, set aside with its reason. Its answer stays stored and not applied.
UPDATE candidate_library
SET outcome = 'writer_error', detail = :detail
WHERE library_id = :library_id
