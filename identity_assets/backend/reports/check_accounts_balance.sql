-- Ledger rows without an outcome, or with an outcome that the tables contradict.
--
-- Later decisions of people are no contradiction. Library rows that Backend has deleted do not count. A row without
-- an outcome counts only if no run holds its partition now, because that run may still reach the row.
SELECT library_id, outcome, disagreement, count(*) OVER () AS offending
FROM (
    SELECT
        candidate.library_id,
        coalesce(candidate.outcome, 'pending') AS outcome,
        CASE
            WHEN candidate.outcome IS NULL
            THEN 'no outcome: materialise lml_verdicts and the identity tables'
            WHEN candidate.outcome = 'missing_artist_name'
                AND candidate.answered_at IS NOT NULL
            THEN 'LML was asked about it, though it has no artist name'
            WHEN candidate.outcome IN (
                'lml_error', 'lml_cardinality_mismatch', 'lml_invalid_verdict', 'lml_untrusted_library_id',
                'writer_error', 'names_changed', 'library_row_gone', 'answer_held', 'not_asked'
            )
                AND answer.applied_at >= candidate.selected_at
            THEN 'an answer was applied in this pass, though the outcome says that nothing was written'
            WHEN candidate.outcome = 'manual_override'
                AND identity.method <> 'manual'
                AND identity.notes = 'consumer:lml-bulk'
                AND identity.last_verified_at = answer.asked_at
            THEN 'LML''s answer was written over a person''s decision'
            WHEN candidate.outcome = 'rejected_by_person'
                AND (decided.is_none OR decided.rejected IS NOT NULL)
                AND identity.notes = 'consumer:lml-bulk'
                AND identity.last_verified_at = answer.asked_at
            THEN 'LML''s answer was written, though a person rejected it'
            WHEN candidate.outcome IN (
                'resolved', 'resolved_compilation', 'unresolved', 'compilation', 'manual_override', 'rejected_by_person'
            )
                AND answer.applied_at IS NULL
            THEN 'no stored answer of LML is marked as applied'
            WHEN candidate.outcome IN ('resolved', 'resolved_compilation', 'unresolved', 'compilation')
                AND answer.kind IS DISTINCT FROM CASE candidate.outcome
                    WHEN 'resolved' THEN 'single_artist'
                    WHEN 'resolved_compilation' THEN 'compilation'
                    ELSE candidate.outcome
                END
            THEN 'LML''s stored answer is of the kind ' || coalesce(answer.kind, 'null')
            WHEN candidate.outcome IN ('resolved_compilation', 'compilation')
                AND (answer.resolved_tracks IS NOT NULL) <> (candidate.outcome = 'resolved_compilation')
            THEN 'LML''s stored answer says otherwise of its tracks'
            WHEN identity.method = 'manual' OR decided.library_id IS NOT NULL
            THEN NULL
            WHEN candidate.outcome = 'resolved' AND identity.library_id IS NULL
            THEN 'it has no main row'
            WHEN candidate.outcome IN ('resolved', 'resolved_compilation') AND attempt.attempted_at <= answer.asked_at
            THEN 'it is resolved and has a row in library_unresolved'
            WHEN candidate.outcome IN ('unresolved', 'compilation')
                AND attempt.kind IS DISTINCT FROM candidate.outcome
            THEN 'library_unresolved has no row of this kind for it'
            WHEN candidate.outcome IN ('unresolved', 'compilation') AND attempt.attempted_at < answer.asked_at
            THEN 'its row in library_unresolved is older than the answer'
        END AS disagreement
    FROM ledger AS candidate
    JOIN library ON library.id = candidate.library_id
    LEFT JOIN answer ON answer.library_id = candidate.library_id
    LEFT JOIN decided ON decided.library_id = candidate.library_id
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
