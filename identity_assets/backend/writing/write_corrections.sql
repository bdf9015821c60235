-- Stores the staged decisions, and writes the journal. A decision that is stored already is not changed.
--
-- If the identity is rejected, an earlier `correct` of the library row is removed.
WITH standing AS MATERIALIZED (
    SELECT old
    FROM correction AS old
    WHERE old.library_id BETWEEN :first_id AND :last_id
      AND old.library_id IN (SELECT decisions.library_id FROM decisions)
),
withdrawn AS (
    DELETE FROM correction AS held
    USING corrected
    WHERE corrected.library_id = held.library_id
      AND held.library_id BETWEEN :first_id AND :last_id
      AND held.key = ''
      AND corrected.takes_away
      AND NOT EXISTS (
          SELECT FROM decisions WHERE decisions.library_id = held.library_id AND decisions.key = ''
      )
    RETURNING held.library_id, held.key
),
written AS (
    INSERT INTO correction AS held (library_id, key, decision, source, ids, made_by, made_at, run_id, note)
    SELECT library_id, key, decision, source, ids, made_by, now(), :run_id, note
    FROM decisions
    ORDER BY library_id, key
    ON CONFLICT (library_id, key) DO UPDATE SET
        decision = excluded.decision,
        source = excluded.source,
        ids = excluded.ids,
        made_by = excluded.made_by,
        made_at = excluded.made_at,
        run_id = excluded.run_id,
        note = excluded.note
    WHERE (held.decision, held.ids, held.made_by, held.note)
        IS DISTINCT FROM (excluded.decision, excluded.ids, excluded.made_by, excluded.note)
    RETURNING held.library_id, held.key, hash_record_extended(held, 0) AS row_hash
),
touched AS MATERIALIZED (
    SELECT touched.library_id, touched.key, touched.row_hash, standing.old
    FROM (
        SELECT library_id, key, row_hash FROM written
        UNION ALL SELECT library_id, key, NULL FROM withdrawn
    ) AS touched
    LEFT JOIN standing ON (standing.old).library_id = touched.library_id AND (standing.old).key = touched.key
),
journaled AS MATERIALIZED (
    SELECT library_id, key, row_hash, CASE WHEN (old).library_id IS NULL THEN 'absent' ELSE 'image' END AS before
    FROM touched
    UNION ALL
    SELECT (old).library_id, (old).key, hash_record_extended(old, 0), 'same'
    FROM standing
    WHERE (old).library_id IN (SELECT touched.library_id FROM touched)
      AND NOT EXISTS (
          SELECT
          FROM touched
          WHERE touched.library_id = (standing.old).library_id AND touched.key = (standing.old).key
      )
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'correction', min(library_id), max(library_id), array_agg(library_id), array_agg(key),
        array_agg(before), array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM journaled
    HAVING count(*) > 0
    RETURNING chunk_id
),
images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT chunk.chunk_id, touched.library_id, touched.key, to_jsonb(touched.old)
    FROM touched
    CROSS JOIN chunk
    WHERE (touched.old).library_id IS NOT NULL
)
SELECT
    (SELECT count(DISTINCT library_id) FROM decisions) AS rows,
    (SELECT count(*) FROM written) AS decisions_written
