-- The library rows of a scope that LML would be asked about at a future moment, by partition and cohort. Rows that
-- become due before that moment count as one-artist rows. They are few, and the cohort only decides the size of the
-- batches.
SELECT bucket, cohort, sum(rows) AS rows
FROM (
    SELECT candidate.library_id % :partitions AS bucket, candidate.cohort, count(*) AS rows
    FROM candidate(:scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days) AS candidate
    WHERE candidate.outcome IS NULL AND NOT candidate.is_answered
    GROUP BY 1, 2
    UNION ALL
    SELECT due.library_id % :partitions, 'non_va', count(*)
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days) AS due
    WHERE NOT due.is_due
      AND NOT due.has_no_artist
      AND due.due_from <= CAST(:tick AS timestamptz)
      AND (:scope = 'full' OR due.in_canonical_scope)
    GROUP BY 1
) AS counted
GROUP BY bucket, cohort
