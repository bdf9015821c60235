-- Stores the outcome and the reason of inputs that LML gave no answer for. The rows stay due.
UPDATE candidate_library AS candidate
SET outcome = failure.outcome, detail = failure.detail
FROM jsonb_to_recordset(CAST(:failures AS jsonb)) AS failure (library_id integer, outcome text, detail text)
WHERE candidate.library_id = failure.library_id
