-- Writes the source rows of the staged answers, and the journal. Each provenance is read once.
--
-- Source rows that LML wrote and does not report any more are removed. Rows of people and of other writers stay.
WITH resolved AS (
    SELECT library_id, bucket, asked_at, provenance
    FROM staged
    WHERE fate IN ('new', 'changed', 'confirmed', 'same')
),
entry AS MATERIALIZED (
    SELECT entry.*, resolved.bucket, resolved.asked_at
    FROM provenance_entry(
        (SELECT array_agg(library_id ORDER BY library_id) FROM resolved),
        (SELECT array_agg(provenance ORDER BY library_id) FROM resolved)
    ) AS entry
    JOIN resolved ON resolved.library_id = entry.library_id
),
standing AS MATERIALIZED (
    SELECT old, resolved.bucket
    FROM library_identity_source AS old
    JOIN resolved ON resolved.library_id = old.library_id
    WHERE old.library_id BETWEEN :first_id AND :last_id
),
removed AS (
    DELETE FROM library_identity_source AS old
    USING standing
    WHERE old.library_id = (standing.old).library_id
      AND old.source = (standing.old).source
      AND old.library_id BETWEEN :first_id AND :last_id
      AND old.method <> 'manual'
      AND old.notes = 'consumer:lml-bulk'
      AND NOT EXISTS (
          SELECT
          FROM entry
          WHERE entry.library_id = old.library_id AND entry.source = old.source AND entry.is_usable
      )
    RETURNING old.library_id, old.source, standing.bucket
),
written AS (
    INSERT INTO library_identity_source AS old (library_id, source, external_id, method, confidence, last_verified_at, notes)
    SELECT library_id, source, external_id, method, confidence, asked_at, 'consumer:lml-bulk'
    FROM entry
    WHERE is_usable AND rank = 1
    ORDER BY library_id, source
    ON CONFLICT (library_id, source) DO UPDATE SET
        external_id = excluded.external_id,
        method = excluded.method,
        confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at,
        boost_sources = NULL,
        notes = excluded.notes
    WHERE old.method <> 'manual'
      AND (old.external_id, old.method, old.confidence, old.last_verified_at, old.boost_sources, old.notes)
          IS DISTINCT FROM (
              excluded.external_id, excluded.method, excluded.confidence, excluded.last_verified_at,
              CAST(NULL AS text), excluded.notes
          )
    RETURNING
        old.library_id, old.source, old.external_id, old.method, old.confidence, old.notes,
        source_row_hash(
            old.library_id, old.source, old.external_id, old.method, old.confidence, old.last_verified_at, old.boost_sources,
            old.notes
        ) AS row_hash
),
touched AS MATERIALIZED (
    SELECT
        written.library_id,
        written.source,
        written.row_hash,
        standing.old,
        CASE
            WHEN standing.old IS NULL THEN 'absent'
            WHEN (
                (standing.old).external_id, (standing.old).method, (standing.old).confidence,
                (standing.old).boost_sources, (standing.old).notes
            ) IS NOT DISTINCT FROM (
                written.external_id, written.method, written.confidence, CAST(NULL AS text), written.notes
            )
            THEN 'time'
            ELSE 'image'
        END AS before
    FROM written
    LEFT JOIN standing
        ON (standing.old).library_id = written.library_id AND (standing.old).source = written.source
    UNION ALL
    SELECT removed.library_id, removed.source, NULL, standing.old, 'image'
    FROM removed
    JOIN standing ON (standing.old).library_id = removed.library_id AND (standing.old).source = removed.source
),
journaled AS MATERIALIZED (
    SELECT * FROM touched
    UNION ALL
    SELECT
        (old).library_id, (old).source,
        source_row_hash(
            (old).library_id, (old).source, (old).external_id, (old).method, (old).confidence, (old).last_verified_at,
            (old).boost_sources, (old).notes
        ),
        old, 'same'
    FROM standing
    WHERE (old).library_id IN (SELECT touched.library_id FROM touched)
      AND NOT EXISTS (
          SELECT
          FROM touched
          WHERE touched.library_id = (standing.old).library_id AND touched.source = (standing.old).source
      )
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_identity_source', min(library_id), max(library_id),
        array_agg(library_id), array_agg(source), array_agg(before),
        array_agg(CASE before WHEN 'time' THEN (old).last_verified_at END), array_agg(row_hash)
    FROM journaled
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, touched.library_id, touched.source, to_jsonb(touched.old)
    FROM touched
    CROSS JOIN chunk
    WHERE touched.before = 'image'
)
SELECT
    bucket,
    CAST(sum(written) AS bigint) AS source_rows_written,
    CAST(sum(removed) AS bigint) AS source_rows_removed,
    CAST(sum(unusable) AS bigint) AS source_rows_skipped_null_confidence
FROM (
    SELECT library_id % :partitions AS bucket, count(*) AS written, 0 AS removed, 0 AS unusable FROM written GROUP BY 1
    UNION ALL
    SELECT bucket, 0, count(*), 0 FROM removed GROUP BY 1
    UNION ALL
    SELECT bucket, 0, 0, count(*) FROM entry WHERE NOT is_usable GROUP BY 1
) AS counted
GROUP BY bucket
