-- Removes everything about library rows of these partitions that Backend has deleted. No table of ours has a foreign
-- key to library.
WITH gone AS MATERIALIZED (
    SELECT known.library_id
    FROM (
        SELECT library_id FROM library_unresolved
        UNION SELECT library_id FROM candidate_library
        UNION SELECT library_id FROM lml_verdict
        UNION SELECT library_id FROM lml_verdict_history
        UNION SELECT library_id FROM leg_evidence
        UNION SELECT library_id FROM leg_filled
        UNION SELECT library_id FROM correction
        UNION SELECT library_id FROM library_track_identity_source
    ) AS known
    WHERE known.library_id % :partitions = ANY (:buckets)
      AND NOT EXISTS (SELECT FROM library WHERE library.id = known.library_id)
),
attempts AS (DELETE FROM library_unresolved AS old USING gone WHERE old.library_id = gone.library_id),
candidates AS (DELETE FROM candidate_library AS old USING gone WHERE old.library_id = gone.library_id),
verdicts AS (DELETE FROM lml_verdict AS old USING gone WHERE old.library_id = gone.library_id),
states AS (DELETE FROM lml_verdict_state AS old USING gone WHERE old.library_id = gone.library_id),
earlier AS (DELETE FROM lml_verdict_history AS old USING gone WHERE old.library_id = gone.library_id),
evidence AS (DELETE FROM leg_evidence AS old USING gone WHERE old.library_id = gone.library_id),
decisions AS (DELETE FROM correction AS old USING gone WHERE old.library_id = gone.library_id),
filled AS (DELETE FROM leg_filled AS old USING gone WHERE old.library_id = gone.library_id),
tracks AS (DELETE FROM library_track_identity_source AS old USING gone WHERE old.library_id = gone.library_id)
SELECT count(*) FROM gone
