-- The next inputs that a run would ask LML about: at most :rows rows of one cohort after :after, in library_id order.
-- The rows :compilations, which LML has just called compilations, belong to the V/A cohort.
SELECT library_id, artist_name, album_title, legacy_release_id
FROM candidate(
    :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
    CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
)
WHERE library_id > :after
  AND library_id % :partitions = ANY (:buckets)
  AND (cohort = :cohort OR library_id = ANY (CAST(:compilations AS integer[])))
  AND outcome IS NULL
  AND NOT is_answered
ORDER BY library_id
LIMIT :rows
