-- Writes the source rows that the evidence makes for the staged library rows, and the journal. Counts by partition.
--
-- Source rows of a leg without evidence are removed. Rows of people and of other writers stay. A row that agrees with
-- the evidence already is not changed. The evidence of these library rows counts as not refused any more.
-- `leg_rows_outdated` are library rows that have changed since a leg read them, so that the evidence writes nothing new.
WITH desired AS MATERIALIZED (
    SELECT made, leg_rows.bucket
    FROM leg_rows
    CROSS JOIN LATERAL unnest(leg_rows.sources) AS made
),
standing AS MATERIALIZED (
    SELECT old, leg_rows.bucket
    FROM library_identity_source AS old
    JOIN leg_rows ON leg_rows.library_id = old.library_id
    WHERE old.library_id BETWEEN :first_id AND :last_id
),
removed AS (
    DELETE FROM library_identity_source AS old
    USING standing
    WHERE old.library_id = (standing.old).library_id
      AND old.source = (standing.old).source
      AND old.library_id BETWEEN :first_id AND :last_id
      AND old.method <> 'manual'
      AND old.notes IN ('backfill:S1', 'backfill:S3')
      AND NOT EXISTS (
          SELECT
          FROM desired
          WHERE (desired.made).library_id = old.library_id AND (desired.made).source = old.source
      )
    RETURNING old.library_id, old.source, standing.bucket
),
written AS (
    INSERT INTO library_identity_source AS old (
        library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes
    )
    SELECT (desired.made).*
    FROM desired
    LEFT JOIN standing
        ON (standing.old).library_id = (desired.made).library_id AND (standing.old).source = (desired.made).source
    WHERE standing.old IS NULL
       OR (
           (standing.old).external_id, (standing.old).method, (standing.old).confidence, (standing.old).last_verified_at,
           (standing.old).boost_sources, (standing.old).notes
       ) IS DISTINCT FROM (
           (desired.made).external_id, (desired.made).method, (desired.made).confidence,
           (desired.made).last_verified_at, (desired.made).boost_sources, (desired.made).notes
       )
    ORDER BY (desired.made).library_id, (desired.made).source
    ON CONFLICT (library_id, source) DO UPDATE SET
        external_id = excluded.external_id,
        method = excluded.method,
        confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at,
        boost_sources = excluded.boost_sources,
        notes = excluded.notes
    WHERE old.method <> 'manual'
      AND old.notes IN ('backfill:S1', 'backfill:S3')
    RETURNING
        old.library_id, old.source, old.external_id, old.method, old.confidence, old.boost_sources, old.notes,
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
                written.external_id, written.method, written.confidence, written.boost_sources, written.notes
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
),
accepted AS (
    UPDATE leg_evidence AS evidence
    SET refused_reason = NULL
    FROM leg_rows
    WHERE evidence.library_id = leg_rows.library_id
      AND evidence.library_id BETWEEN :first_id AND :last_id
      AND evidence.refused_reason IS NOT NULL
)
SELECT
    bucket,
    CAST(sum(written) AS bigint) AS source_rows_written,
    CAST(sum(removed) AS bigint) AS source_rows_removed,
    CAST(sum(outdated) AS bigint) AS leg_rows_outdated
FROM (
    SELECT library_id % :partitions AS bucket, count(*) AS written, 0 AS removed, 0 AS outdated FROM written GROUP BY 1
    UNION ALL
    SELECT bucket, 0, count(*), 0 FROM removed GROUP BY 1
    UNION ALL
    SELECT library_id % :partitions, 0, 0, count(DISTINCT library_id)
    FROM leg_outdated_evidence(ARRAY(SELECT library_id FROM leg_rows))
    GROUP BY 1
) AS counted
GROUP BY bucket
