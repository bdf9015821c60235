-- Moves what was written about two of sixteen library rows `days` days into the past.
--
-- All moments of an answer move together, so this makes no row count as asked twice in its window.
WITH
main_rows AS (
    UPDATE library_identity
    SET last_verified_at = last_verified_at - make_interval(days => :days)
    WHERE library_id % 16 IN (3, 4) AND notes = 'consumer:lml-bulk'
),

source_rows AS (
    UPDATE library_identity_source
    SET last_verified_at = last_verified_at - make_interval(days => :days)
    WHERE library_id % 16 IN (3, 4) AND notes = 'consumer:lml-bulk'
),

track_sources AS (
    UPDATE library_track_identity_source
    SET last_verified_at = last_verified_at - make_interval(days => :days)
    WHERE library_id % 16 IN (3, 4) AND notes = 'consumer:lml-bulk'
),

attempts AS (
    UPDATE library_unresolved
    SET
        attempted_at = attempted_at - make_interval(days => :days),
        first_attempted_at = first_attempted_at - make_interval(days => :days)
    WHERE library_id % 16 IN (3, 4)
),

candidates AS (
    UPDATE candidate_library
    SET
        selected_at = selected_at - make_interval(days => :days),
        answers_since = answers_since - make_interval(days => :days)
    WHERE library_id % 16 IN (3, 4)
),

states AS (
    UPDATE lml_verdict_state
    SET
        asked_at = asked_at - make_interval(days => :days),
        applied_at = applied_at - make_interval(days => :days)
    WHERE library_id % 16 IN (3, 4)
)

UPDATE lml_verdict
SET
    asked_at = asked_at - make_interval(days => :days),
    previous_asked_at = previous_asked_at - make_interval(days => :days)
WHERE library_id % 16 IN (3, 4);
