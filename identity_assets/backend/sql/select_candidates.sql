-- The library rows that are due (identity_assets.due_library), into the ledger: at most :max_inputs of them, those
-- that have waited longest first and those that cannot be asked about last, or all where it is null.
--
-- A verdict that was stored and not yet applied, for the very names that stand in the library now and inside
-- its window, is the answer already: such a row is not asked again. One without an artist has its outcome.
INSERT INTO candidate_library (
    library_id, scope, cohort, reason, artist_name, album_title, legacy_release_id,
    selected_at, run_id, answered_at, outcome, detail
)
SELECT
    library.id,
    :scope,
    CASE
        WHEN library.code_volume_letters LIKE 'Z%' THEN 'va'
        WHEN EXISTS (SELECT FROM compilation_track_artist AS credit WHERE credit.library_id = library.id) THEN 'va'
        ELSE 'non_va'
    END,
    due.reason,
    library.artist_name,
    library.album_title,
    library.legacy_release_id,
    now(),
    :run_id,
    verdict.asked_at,
    CASE
        WHEN due.has_no_artist THEN 'missing_artist_name'
        WHEN verdict.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict'
    END,
    verdict.rejected_reason
FROM due_library(:scope, :stale_threshold_days, :unresolved_retry_days) AS due
JOIN library ON library.id = due.library_id
LEFT JOIN lml_verdict AS verdict
    ON verdict.library_id = library.id
   AND verdict.applied_at IS NULL
   AND verdict.artist_name = library.artist_name
   AND verdict.album_title = library.album_title
   AND verdict.asked_at > now() - make_interval(
           days => CASE WHEN verdict.kind = 'single_artist' THEN :stale_threshold_days ELSE :unresolved_retry_days END
       )
   AND NOT due.has_no_artist
WHERE library.id % :partitions = ANY (:buckets)
ORDER BY due.has_no_artist, due.due_since NULLS LAST, library.id
LIMIT :max_inputs
