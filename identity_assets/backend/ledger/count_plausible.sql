-- Counts the answers that wait to be written, in the two groups of the guard (guard_group.sql). Answers that a person
-- has accepted do not count.
SELECT
    count(*) AS waiting,
    count(*) FILTER (WHERE guarded = 'had_identity') AS had_identity,
    count(*) FILTER (WHERE guarded = 'had_identity' AND kind = 'unresolved') AS withdrawn,
    count(*) FILTER (WHERE guarded = 'first_asked') AS first_asked,
    count(*) FILTER (WHERE guarded = 'first_asked' AND kind = 'single_artist') AS first_resolved
FROM (
    SELECT
        answer.kind,
        guard_group(answer.kind, candidate.reason, main.method, main.notes, attempt.library_id IS NOT NULL) AS guarded
    FROM candidate_library AS candidate
    JOIN answer ON answer.library_id = candidate.library_id AND answer.asked_at >= candidate.answers_since
    LEFT JOIN library_identity AS main ON main.library_id = candidate.library_id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = candidate.library_id
    WHERE candidate.library_id % :partitions = ANY (:buckets)
      AND candidate.outcome IS NULL
      AND answer.rejected_reason IS NULL
      AND answer.held_at IS NULL
      AND answer.accepted_at IS NULL
) AS waiting_answer
