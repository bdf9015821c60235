-- Stores one batch of answers (functions/store_answers.sql).
SELECT store_answers(CAST(:answers AS jsonb), :run_id, :include_tracks)
