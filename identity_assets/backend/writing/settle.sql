-- Writes the sidecar, what happened to the answers, and the one outcome of each staged row in the ledger. Counts by
-- partition.
--
-- An answer that is applied twice counts as one attempt. If the names have changed or the library row does not exist
-- any more, the answer stays stored as it is.
WITH standing AS MATERIALIZED (
    SELECT attempt AS old, staged.fate
    FROM library_unresolved AS attempt
    JOIN staged ON staged.library_id = attempt.library_id
    WHERE attempt.library_id BETWEEN :first_id AND :last_id
),
stamped AS (
    INSERT INTO library_unresolved AS attempt (library_id, kind, attempted_at, attempts, first_attempted_at, run_id)
    SELECT library_id, kind, asked_at, 1, asked_at, run_id
    FROM staged
    WHERE fate IN ('unresolved', 'compilation')
    ORDER BY library_id
    ON CONFLICT (library_id) DO UPDATE SET
        kind = excluded.kind,
        attempted_at = excluded.attempted_at,
        attempts = attempt.attempts + 1,
        run_id = excluded.run_id
    WHERE attempt.attempted_at < excluded.attempted_at
    RETURNING attempt.library_id, hash_record_extended(attempt, 0) AS row_hash
),
cleared AS (
    DELETE FROM library_unresolved AS attempt
    USING staged
    WHERE staged.library_id = attempt.library_id
      AND attempt.library_id BETWEEN :first_id AND :last_id
      AND staged.fate IN ('new', 'changed', 'confirmed', 'same', 'resolved_compilation')
    RETURNING attempt.library_id
),
touched AS MATERIALIZED (
    SELECT stamped.library_id, stamped.row_hash, standing.old
    FROM stamped
    LEFT JOIN standing ON (standing.old).library_id = stamped.library_id
    UNION ALL
    SELECT cleared.library_id, NULL, standing.old
    FROM cleared
    JOIN standing ON (standing.old).library_id = cleared.library_id
    UNION ALL
    -- A row that resolves had no attempt before and has none now.
    SELECT staged.library_id, NULL, NULL
    FROM staged
    WHERE (
            staged.fate IN ('new', 'changed', 'confirmed')
            -- A compilation that is applied again changes nothing.
            OR staged.fate = 'resolved_compilation' AND NOT EXISTS (
                SELECT
                FROM lml_verdict_state AS state
                WHERE state.library_id = staged.library_id
                  AND state.library_id BETWEEN :first_id AND :last_id
                  AND state.asked_at = staged.asked_at
                  AND state.applied_at IS NOT NULL
            )
        )
      AND NOT EXISTS (SELECT FROM standing WHERE (standing.old).library_id = staged.library_id)
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_unresolved', min(library_id), max(library_id), array_agg(library_id), array_agg(CAST('' AS text)),
        array_agg(CASE WHEN old IS NULL THEN 'absent' ELSE 'image' END),
        array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM touched
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, touched.library_id, '', to_jsonb(touched.old)
    FROM touched
    CROSS JOIN chunk
    WHERE NOT touched.old IS NULL
),
applied AS (
    INSERT INTO lml_verdict_state AS state (library_id, asked_at, applied_at)
    SELECT library_id, asked_at, now()
    FROM staged
    WHERE fate NOT IN ('renamed', 'gone')
    ORDER BY library_id
    ON CONFLICT (library_id) DO UPDATE SET
        asked_at = excluded.asked_at,
        applied_at = excluded.applied_at,
        unwound_at = NULL,
        rejected_reason = NULL,
        set_aside = CASE WHEN state.asked_at = excluded.asked_at THEN state.set_aside END,
        held_at = NULL,
        held_run_id = NULL,
        accepted_at = CASE WHEN state.asked_at = excluded.asked_at THEN state.accepted_at END,
        dropped_at = NULL
    WHERE state.asked_at IS DISTINCT FROM excluded.asked_at OR state.applied_at IS NULL
),
settled AS (
    UPDATE candidate_library AS candidate
    SET
        outcome = CASE staged.fate
            WHEN 'gone' THEN 'library_row_gone'
            WHEN 'renamed' THEN 'names_changed'
            WHEN 'manual' THEN 'manual_override'
            WHEN 'rejected' THEN 'rejected_by_person'
            WHEN 'unresolved' THEN 'unresolved'
            WHEN 'compilation' THEN 'compilation'
            WHEN 'resolved_compilation' THEN 'resolved_compilation'
            ELSE 'resolved'
        END,
        detail = CASE staged.fate
            WHEN 'gone' THEN 'Backend deleted the library row after it was selected'
            WHEN 'renamed' THEN 'the artist or the title changed after LML was asked'
            WHEN 'manual' THEN 'the main row is a person''s decision'
            WHEN 'rejected' THEN 'a person rejected the identity that LML names'
        END
    FROM staged
    WHERE candidate.library_id = staged.library_id
      AND candidate.library_id BETWEEN :first_id AND :last_id
      AND staged.asked_at >= candidate.answers_since
      AND (staged.fate NOT IN ('renamed', 'gone') OR candidate.outcome IS NULL)
)
SELECT
    staged.bucket,
    count(*) AS rows,
    count(*) FILTER (WHERE staged.fate = 'renamed') AS rows_renamed,
    count(*) FILTER (WHERE staged.fate = 'gone') AS rows_gone,
    count(stamped.library_id) AS sidecar_rows_written
FROM staged
LEFT JOIN stamped ON stamped.library_id = staged.library_id
GROUP BY staged.bucket
