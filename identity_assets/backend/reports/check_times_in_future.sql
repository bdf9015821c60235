-- Library rows whose window counts from a moment in the future (the rule is in due_library). They are not due before
-- `due_from`, so a time in 2099 takes a row out of every refresh.
SELECT
    library_id,
    CASE
        WHEN decided_at = last_verified_at THEN 'library_identity.last_verified_at'
        WHEN decided_at = attempted_at THEN 'library_unresolved.attempted_at'
        ELSE 'lml_verdict.asked_at'
    END AS counted_from,
    decided_at AS moment,
    due_from,
    count(*) OVER () AS offending
FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
WHERE decided_at > now() + interval '1 minute'
  AND NOT is_due
  -- decided_at is one of these moments. There are few such rows, and the rule is read for them alone.
  AND library_id IN (
      SELECT library_id FROM library_identity WHERE last_verified_at > now() + interval '1 minute'
      UNION ALL
      SELECT library_id FROM library_unresolved WHERE attempted_at > now() + interval '1 minute'
      UNION ALL
      SELECT library_id FROM lml_verdict WHERE asked_at > now() + interval '1 minute'
  )
ORDER BY library_id
LIMIT :sample_rows
