-- Writes the source rows as people decided them, and the journal. A row that is right already is not changed.
--
-- If a correction gives an id of a group (identity_source), it replaces all source rows of that group, whoever wrote
-- them.
WITH desired AS MATERIALIZED (
    SELECT corrected.library_id, given.key AS source, given.value AS external_id, 'manual:' || corrected.made_by AS notes
    FROM corrected
    CROSS JOIN LATERAL jsonb_each_text(corrected.ids) AS given
),
standing AS MATERIALIZED (
    SELECT old
    FROM library_identity_source AS old
    JOIN corrected ON corrected.library_id = old.library_id
    WHERE old.library_id BETWEEN :first_id AND :last_id
),
removed AS (
    DELETE FROM library_identity_source AS held
    USING corrected
    WHERE corrected.library_id = held.library_id
      AND held.library_id BETWEEN :first_id AND :last_id
      AND (
          corrected.takes_away
          OR (
              corrected.ids IS NULL
              AND corrected.refused @> jsonb_build_array(jsonb_build_object(held.source, held.external_id))
          )
          OR (
              corrected.ids ->> held.source IS NULL
              AND EXISTS (
                  SELECT
                  FROM identity_source AS listed
                  JOIN identity_source AS given ON given.is_release = listed.is_release
                  WHERE listed.source = held.source AND corrected.ids ->> given.source IS NOT NULL
              )
          )
      )
    RETURNING held.library_id, held.source
),
written AS (
    INSERT INTO library_identity_source AS held (
        library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes
    )
    SELECT library_id, source, external_id, 'manual', 1, now(), NULL, notes
    FROM desired
    ORDER BY library_id, source
    ON CONFLICT (library_id, source) DO UPDATE SET
        external_id = excluded.external_id,
        method = excluded.method,
        confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at,
        boost_sources = excluded.boost_sources,
        notes = excluded.notes
    WHERE (held.external_id, held.method, held.confidence, held.boost_sources, held.notes)
        IS DISTINCT FROM (
            excluded.external_id, excluded.method, excluded.confidence, excluded.boost_sources, excluded.notes
        )
    RETURNING
        held.library_id, held.source,
        source_row_hash(
            held.library_id, held.source, held.external_id, held.method, held.confidence, held.last_verified_at,
            held.boost_sources, held.notes
        ) AS row_hash
),
touched AS MATERIALIZED (
    SELECT touched.library_id, touched.source, touched.row_hash, standing.old
    FROM (
        SELECT library_id, source, row_hash FROM written
        UNION ALL SELECT library_id, source, NULL FROM removed
    ) AS touched
    LEFT JOIN standing
        ON (standing.old).library_id = touched.library_id AND (standing.old).source = touched.source
),
journaled AS MATERIALIZED (
    SELECT library_id, source, row_hash, CASE WHEN (old).library_id IS NULL THEN 'absent' ELSE 'image' END AS before
    FROM touched
    UNION ALL
    SELECT
        (old).library_id, (old).source,
        source_row_hash(
            (old).library_id, (old).source, (old).external_id, (old).method, (old).confidence, (old).last_verified_at,
            (old).boost_sources, (old).notes
        ),
        'same'
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
        array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM journaled
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, touched.library_id, touched.source, to_jsonb(touched.old)
    FROM touched
    CROSS JOIN chunk
    WHERE (touched.old).library_id IS NOT NULL
)
SELECT
    (SELECT count(*) FROM written) AS source_rows_written,
    (SELECT count(*) FROM removed) AS source_rows_removed
