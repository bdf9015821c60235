-- The library rows that are due ("Which rows are due" in DOMAIN.md), into the ledger.
--
-- A verdict that was stored and not yet applied, for the very names that stand in the library now and inside
-- its window, is the answer already: such a row is not asked again. One without an artist has its outcome.
INSERT INTO candidate_library (
    library_id, scope, cohort, reason, artist_name, album_title, legacy_release_id,
    selected_at, run_id, answered_at, outcome, detail
)
SELECT
    due.id,
    :scope,
    CASE WHEN due.is_va THEN 'va' ELSE 'non_va' END,
    due.reason,
    due.artist_name,
    due.album_title,
    due.legacy_release_id,
    now(),
    :run_id,
    verdict.asked_at,
    CASE
        WHEN due.has_no_artist THEN 'missing_artist_name'
        WHEN verdict.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict'
    END,
    verdict.rejected_reason
FROM (
    SELECT
        library.id,
        library.artist_name,
        library.album_title,
        library.legacy_release_id,
        coalesce(library.artist_name !~ '\S', true) AS has_no_artist,
        coalesce(library.code_volume_letters LIKE 'Z%', false) OR EXISTS (
            SELECT FROM compilation_track_artist AS credit WHERE credit.library_id = library.id
        ) AS is_va,
        CASE
            WHEN identity.library_id IS NOT NULL THEN 'stale'
            WHEN attempt.library_id IS NOT NULL THEN 'retry_due'
            ELSE 'never_asked'
        END AS reason
    FROM library
    LEFT JOIN library_identity AS identity ON identity.library_id = library.id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
    WHERE library.id % :partitions = ANY (:buckets)
      AND (:scope = 'full' OR library.canonical_entity_id IS NOT NULL)
      AND (
          identity.library_id IS NULL
          OR (
              identity.method <> 'manual'
              AND identity.last_verified_at <= now() - make_interval(days => :stale_threshold_days)
          )
      )
      AND (
          attempt.library_id IS NULL
          OR attempt.attempted_at <= now() - make_interval(days => :unresolved_retry_days)
      )
) AS due
LEFT JOIN lml_verdict AS verdict
    ON verdict.library_id = due.id
   AND verdict.applied_at IS NULL
   AND verdict.artist_name = due.artist_name
   AND verdict.album_title = due.album_title
   AND verdict.asked_at > now() - make_interval(
           days => CASE WHEN verdict.kind = 'single_artist' THEN :stale_threshold_days ELSE :unresolved_retry_days END
       )
   AND NOT due.has_no_artist
