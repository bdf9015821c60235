-- Removes the source rows of these library rows that were written from LML's answers, and writes the journal. Rows of
-- people and of other writers stay.
WITH standing AS MATERIALIZED (
    SELECT old
    FROM library_identity_source AS old
    WHERE old.library_id = ANY (CAST(:library_ids AS integer[]))
),
removed AS (
    DELETE FROM library_identity_source AS old
    WHERE old.library_id = ANY (CAST(:library_ids AS integer[]))
      AND old.notes = 'consumer:lml-bulk'
      AND old.method <> 'manual'
    RETURNING old.library_id, old.source
),
journaled AS MATERIALIZED (
    SELECT
        (standing.old).library_id,
        (standing.old).source,
        standing.old,
        removed.library_id IS NOT NULL AS is_removed,
        CASE
            WHEN removed.library_id IS NULL
            THEN source_row_hash(
                (old).library_id, (old).source, (old).external_id, (old).method, (old).confidence,
                (old).last_verified_at, (old).boost_sources, (old).notes
            )
        END AS row_hash
    FROM standing
    LEFT JOIN removed
        ON removed.library_id = (standing.old).library_id AND removed.source = (standing.old).source
    WHERE (standing.old).library_id IN (SELECT removed.library_id FROM removed)
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_identity_source', min(library_id), max(library_id),
        array_agg(library_id), array_agg(source), array_agg(CASE WHEN is_removed THEN 'image' ELSE 'same' END),
        array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM journaled
    HAVING count(*) > 0
    RETURNING chunk_id
)
INSERT INTO journal_image (chunk_id, library_id, key, image)
SELECT chunk.chunk_id, journaled.library_id, journaled.source, to_jsonb(journaled.old)
FROM journaled
CROSS JOIN chunk
WHERE journaled.is_removed
