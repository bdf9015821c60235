-- Records which release columns of the staged library rows hold a value that the legs filled in, and writes the
-- journal.
--
-- If the legs fill in nothing, there is no row. A row that is right already is not changed.
WITH standing AS MATERIALIZED (
    SELECT old
    FROM leg_filled AS old
    JOIN leg_rows ON leg_rows.library_id = old.library_id
    WHERE old.library_id BETWEEN :first_id AND :last_id
),
desired AS MATERIALIZED (
    SELECT
        library_id, filled_master_id, filled_release_id, coalesce((new_main).method = 'manual', false) AS pinned_manual
    FROM leg_rows
    WHERE filled_master_id IS NOT NULL OR filled_release_id IS NOT NULL
),
forgotten AS (
    DELETE FROM leg_filled AS filled
    USING leg_rows
    WHERE leg_rows.library_id = filled.library_id
      AND filled.library_id BETWEEN :first_id AND :last_id
      AND leg_rows.filled_master_id IS NULL
      AND leg_rows.filled_release_id IS NULL
    RETURNING filled.library_id
),
remembered AS (
    INSERT INTO leg_filled AS filled (library_id, discogs_master_id, discogs_release_id, pinned_manual)
    SELECT desired.*
    FROM desired
    LEFT JOIN standing ON (standing.old).library_id = desired.library_id
    WHERE standing.old IS NULL
       OR ((standing.old).discogs_master_id, (standing.old).discogs_release_id, (standing.old).pinned_manual)
           IS DISTINCT FROM (desired.filled_master_id, desired.filled_release_id, desired.pinned_manual)
    ORDER BY desired.library_id
    ON CONFLICT (library_id) DO UPDATE SET
        discogs_master_id = excluded.discogs_master_id,
        discogs_release_id = excluded.discogs_release_id,
        pinned_manual = excluded.pinned_manual
    RETURNING filled.library_id, hash_record_extended(filled, 0) AS row_hash
),
touched AS MATERIALIZED (
    SELECT touched.library_id, touched.row_hash, standing.old
    FROM (
        SELECT library_id, row_hash FROM remembered
        UNION ALL SELECT library_id, NULL FROM forgotten
    ) AS touched
    LEFT JOIN standing ON (standing.old).library_id = touched.library_id
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'leg_filled', min(library_id), max(library_id),
        array_agg(library_id), array_agg(CAST('' AS text)),
        array_agg(CASE WHEN old IS NULL THEN 'absent' ELSE 'image' END),
        array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM touched
    HAVING count(*) > 0
    RETURNING chunk_id
)
INSERT INTO journal_image (chunk_id, library_id, key, image)
SELECT chunk.chunk_id, touched.library_id, '', to_jsonb(touched.old)
FROM touched
CROSS JOIN chunk
WHERE NOT touched.old IS NULL
