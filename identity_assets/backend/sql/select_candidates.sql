-- The library rows that are due, into the ledger: at most :max_inputs of them, those that have waited longest first
-- and those that cannot be asked about last, or all where it is null.
INSERT INTO candidate_library (
    library_id, scope, cohort, reason, artist_name, album_title, legacy_release_id,
    selected_at, run_id, answered_at, outcome, detail
)
SELECT
    library_id, :scope, cohort, reason, artist_name, album_title, legacy_release_id,
    now(), :run_id, answered_at, outcome, detail
FROM candidate(:scope, :stale_threshold_days, :unresolved_retry_days)
WHERE library_id % :partitions = ANY (:buckets)
ORDER BY outcome IS NOT DISTINCT FROM 'missing_artist_name', due_since NULLS LAST, library_id
LIMIT :max_inputs
