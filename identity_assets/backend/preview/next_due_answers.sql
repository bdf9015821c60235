-- The next stored answers that a run would apply without asking LML: at most :rows of them after :after, in
-- library_id order.
SELECT
    candidate.library_id, answer.kind, CAST(answer.verdict AS text) AS verdict, answer.tracks_trusted,
    CAST(answer.set_aside AS text) AS set_aside
FROM candidate(
    :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
    CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
) AS candidate
JOIN answer ON answer.library_id = candidate.library_id
WHERE candidate.library_id > :after
  AND candidate.library_id % :partitions = ANY (:buckets)
  AND candidate.outcome IS NULL
  AND candidate.is_answered
ORDER BY candidate.library_id
LIMIT :rows
