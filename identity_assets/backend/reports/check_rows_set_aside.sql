-- Library rows of the pass that a fault of LML or of the database set aside, and library rows for which the database
-- refuses the rows of the legs. Each row has its stored reason.
SELECT library_id, outcome, reason, count(*) OVER () AS offending
FROM (
    SELECT candidate.library_id, candidate.outcome, candidate.detail AS reason
    FROM candidate_library AS candidate
    WHERE candidate.outcome = ANY (:set_aside_outcomes)
    UNION ALL
    SELECT evidence.library_id, 'leg_refused', min(evidence.refused_reason)
    FROM leg_evidence AS evidence
    WHERE evidence.refused_reason IS NOT NULL
    GROUP BY evidence.library_id
) AS set_aside
WHERE library_id % :partitions = ANY (:buckets)
ORDER BY library_id, outcome
LIMIT :sample_rows
