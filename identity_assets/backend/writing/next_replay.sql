-- The next stored answers to apply again: at most :rows after :after, in library_id order; all of these partitions,
-- or only those set aside, or only those that came with a certain run or after it.
SELECT
    verdict.library_id,
    CAST(verdict.verdict AS text) AS verdict,
    verdict.kind,
    verdict.rejected_reason,
    CASE
        WHEN verdict.unwound_at IS NOT NULL THEN 'unwound'
        WHEN verdict.applied_at IS NULL AND (verdict.artist_name, verdict.album_title)
            IS DISTINCT FROM (CAST(library.artist_name AS text), CAST(library.album_title AS text))
        THEN 'names_changed'
        WHEN verdict.applied_at IS NULL
            AND verdict.rejected_reason IS NULL
            AND candidate.outcome IS DISTINCT FROM 'writer_error'
        THEN 'waiting'
    END AS left_alone
FROM lml_verdict AS verdict
JOIN library ON library.id = verdict.library_id
LEFT JOIN candidate_library AS candidate
    ON candidate.library_id = verdict.library_id AND candidate.answered_at = verdict.asked_at
WHERE verdict.library_id > :after
  AND verdict.library_id % :partitions = ANY (:buckets)
  AND (
      NOT :only_rejected
      OR verdict.applied_at IS NULL AND (verdict.rejected_reason IS NOT NULL OR candidate.outcome = 'writer_error')
  )
  AND (CAST(:since AS timestamptz) IS NULL OR verdict.asked_at >= :since)
ORDER BY verdict.library_id
LIMIT :rows
