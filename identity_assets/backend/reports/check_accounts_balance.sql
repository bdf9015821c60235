-- Candidates that came to no outcome, or to one that what stands in the tables denies.
--
-- What a person decided since is no disagreement, nor is a library row that is gone. A row without an outcome
-- counts only where no run holds its partition at this moment: else its run has yet to come to it.
SELECT library_id, outcome, disagreement, count(*) OVER () AS offending
FROM (
    SELECT
        candidate.library_id,
        coalesce(candidate.outcome, 'pending') AS outcome,
        CASE
            WHEN candidate.outcome IS NULL
            THEN 'no outcome: materialise lml_verdicts and the identity tables'
            WHEN candidate.outcome = 'missing_artist_name'
                AND (candidate.answered_at IS NOT NULL OR verdict.asked_at >= candidate.selected_at)
            THEN 'LML was asked about it, though it has no artist name'
            WHEN candidate.outcome IN (
                'lml_error', 'lml_cardinality_mismatch', 'lml_invalid_verdict', 'lml_untrusted_library_id',
                'writer_error'
            )
                AND verdict.applied_at >= candidate.selected_at
            THEN 'a verdict was applied in this pass, though the outcome is an error'
            WHEN candidate.outcome = 'manual_override'
                AND identity.method <> 'manual'
                AND identity.notes = 'consumer:lml-bulk'
                AND identity.last_verified_at = verdict.asked_at
            THEN 'LML''s verdict was written over a person''s decision'
            WHEN candidate.outcome IN (
                'resolved', 'resolved_compilation', 'unresolved', 'compilation', 'manual_override'
            )
                AND verdict.applied_at IS NULL
            THEN 'no stored verdict of LML''s is marked as applied'
            WHEN candidate.outcome IN ('resolved', 'resolved_compilation', 'unresolved', 'compilation')
                AND verdict.kind IS DISTINCT FROM CASE candidate.outcome
                    WHEN 'resolved' THEN 'single_artist'
                    WHEN 'resolved_compilation' THEN 'compilation'
                    ELSE candidate.outcome
                END
            THEN 'LML''s stored verdict is of the kind ' || coalesce(verdict.kind, 'null')
            WHEN identity.method = 'manual'
            THEN NULL
            WHEN candidate.outcome = 'resolved' AND identity.library_id IS NULL
            THEN 'it has no main row'
            WHEN candidate.outcome = 'resolved' AND attempt.attempted_at <= verdict.asked_at
            THEN 'it is resolved and stands in library_unresolved'
            WHEN candidate.outcome IN ('unresolved', 'compilation')
                AND attempt.kind IS DISTINCT FROM candidate.outcome
            THEN 'library_unresolved has no row of this kind for it'
            WHEN candidate.outcome IN ('unresolved', 'compilation') AND attempt.attempted_at < verdict.asked_at
            THEN 'its row in library_unresolved is older than the verdict'
        END AS disagreement
    FROM candidate_library AS candidate
    JOIN library ON library.id = candidate.library_id
    LEFT JOIN lml_verdict AS verdict ON verdict.library_id = candidate.library_id
    LEFT JOIN library_identity AS identity ON identity.library_id = candidate.library_id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = candidate.library_id
    WHERE candidate.library_id % :partitions = ANY (:buckets)
      AND (
          candidate.outcome IS NOT NULL
          OR candidate.library_id % :partitions NOT IN (
              SELECT CAST(CAST(held.objid AS bigint) AS integer)
              FROM pg_locks AS held
              WHERE held.locktype = 'advisory'
                AND held.granted
                AND held.objsubid = 2
                AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND CAST(held.classid AS bigint)
                    = (CAST(hashtext('identity_assets.' || current_schema()) AS bigint) & 4294967295)
          )
      )
) AS judged
WHERE disagreement IS NOT NULL
ORDER BY library_id
LIMIT :sample_rows
