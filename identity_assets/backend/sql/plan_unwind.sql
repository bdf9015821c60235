-- What one run wrote, library row by library row: what taking it back would do to the main row, or why it is left
-- alone. A row whose xmin is none of the write's transactions, and which is not what stood there before either, was
-- written by somebody else since.
SELECT
    written.library_id,
    CASE
        WHEN library.id IS NULL THEN 'library_row_gone'
        WHEN later.run_id IS NOT NULL THEN 'written_again'
        WHEN main.method = 'manual'
            AND CAST(CAST(main.xmin AS text) AS bigint) <> ALL (written.xids)
            AND written.main_before ->> 'method' IS DISTINCT FROM 'manual'
        THEN 'manual'
        WHEN (
                main.library_id IS NOT NULL
                AND CAST(CAST(main.xmin AS text) AS bigint) <> ALL (written.xids)
                AND jsonb_strip_nulls(to_jsonb(main)) IS DISTINCT FROM jsonb_strip_nulls(written.main_before)
            )
            OR (
                attempt.library_id IS NOT NULL
                AND CAST(CAST(attempt.xmin AS text) AS bigint) <> ALL (written.xids)
                AND to_jsonb(attempt) IS DISTINCT FROM written.attempt_before
            )
            OR EXISTS (
                SELECT
                FROM library_identity_source AS evidence
                WHERE evidence.library_id = written.library_id
                  AND evidence.method <> 'manual'
                  AND CAST(CAST(evidence.xmin AS text) AS bigint) <> ALL (written.xids)
                  AND NOT coalesce(written.sources_before, '[]') @> jsonb_build_array(to_jsonb(evidence))
            )
        THEN 'changed_since'
    END AS left_alone,
    later.run_id AS later_run_id,
    CASE
        WHEN main.library_id IS NOT NULL AND written.main_before IS NULL THEN 'remove'
        WHEN jsonb_strip_nulls(to_jsonb(main)) IS DISTINCT FROM jsonb_strip_nulls(written.main_before) THEN 'restore'
        ELSE 'leave'
    END AS main_row
FROM library_write AS written
LEFT JOIN library ON library.id = written.library_id
LEFT JOIN library_identity AS main ON main.library_id = written.library_id
LEFT JOIN library_unresolved AS attempt ON attempt.library_id = written.library_id
LEFT JOIN LATERAL (
    SELECT other.run_id
    FROM library_write AS other
    WHERE other.library_id = written.library_id AND other.written_at > written.written_at
    ORDER BY other.written_at DESC
    LIMIT 1
) AS later ON true
WHERE written.run_id = :run_id
  AND written.library_id > :after
  AND (CAST(:library_ids AS integer[]) IS NULL OR written.library_id = ANY (CAST(:library_ids AS integer[])))
ORDER BY written.library_id
LIMIT :rows
