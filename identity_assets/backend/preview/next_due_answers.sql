-- The next answers that a run would apply without asking: at most :rows of them after :after, in library_id order.
SELECT candidate.library_id, verdict.kind, CAST(verdict.verdict AS text) AS verdict
FROM candidate(:scope, :stale_threshold_days, :unresolved_retry_days) AS candidate
JOIN lml_verdict AS verdict ON verdict.library_id = candidate.library_id
WHERE candidate.library_id > :after
  AND candidate.library_id % :partitions = ANY (:buckets)
  AND candidate.outcome IS NULL
  AND candidate.answered_at IS NOT NULL
ORDER BY candidate.library_id
LIMIT :rows
