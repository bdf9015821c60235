-- Puts the due library rows into the ledger: at most :max_inputs of them, or all if it is null. Rows that have waited
-- longest come first. Rows that LML cannot be asked about come last.
INSERT INTO candidate_library (
    library_id, scope, cohort, reason, artist_name, album_title, legacy_release_id,
    selected_at, run_id, answers_since, outcome
)
SELECT
    library_id, :scope, cohort, reason, artist_name, album_title, legacy_release_id,
    now(), :run_id, answers_since, outcome
FROM candidate(
    :scope, :stale_threshold_days, :unresolved_retry_days, :invalid_retry_days,
    CAST(:ask_again AS text), CAST(:only_library_ids AS integer[]), CAST(:asked_before AS timestamptz)
)
WHERE library_id % :partitions = ANY (:buckets)
ORDER BY outcome IS NOT DISTINCT FROM 'missing_artist_name', due_from NULLS LAST, library_id
LIMIT :max_inputs
