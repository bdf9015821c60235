-- Forgets the values of the legs that rejections, or a decision that there is no identity, take out of main rows, and
-- writes the journal. Otherwise the next run would do it, and the decision alone could not be taken back any more.
WITH standing AS MATERIALIZED (
    SELECT
        old,
        CASE WHEN (corrected.new_main).discogs_master_id = old.discogs_master_id THEN old.discogs_master_id END
            AS new_master_id,
        CASE WHEN (corrected.new_main).discogs_release_id = old.discogs_release_id THEN old.discogs_release_id END
            AS new_release_id
    FROM leg_filled AS old
    JOIN corrected ON corrected.library_id = old.library_id
    WHERE old.library_id BETWEEN :first_id AND :last_id
      AND corrected.ids IS NULL
      AND corrected.fate IN ('changed', 'removed')
),
forgotten AS (
    DELETE FROM leg_filled AS filled
    USING standing
    WHERE filled.library_id = (standing.old).library_id
      AND filled.library_id BETWEEN :first_id AND :last_id
      AND standing.new_master_id IS NULL
      AND standing.new_release_id IS NULL
    RETURNING filled.library_id
),
remembered AS (
    UPDATE leg_filled AS filled
    SET discogs_master_id = standing.new_master_id, discogs_release_id = standing.new_release_id
    FROM standing
    WHERE filled.library_id = (standing.old).library_id
      AND filled.library_id BETWEEN :first_id AND :last_id
      AND num_nulls(standing.new_master_id, standing.new_release_id) < 2
      AND (standing.new_master_id, standing.new_release_id)
          IS DISTINCT FROM (filled.discogs_master_id, filled.discogs_release_id)
    RETURNING filled.library_id, hash_record_extended(filled, 0) AS row_hash
),
touched AS MATERIALIZED (
    SELECT touched.library_id, touched.row_hash, standing.old
    FROM (
        SELECT library_id, row_hash FROM remembered
        UNION ALL SELECT library_id, NULL FROM forgotten
    ) AS touched
    JOIN standing ON (standing.old).library_id = touched.library_id
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'leg_filled', min(library_id), max(library_id),
        array_agg(library_id), array_agg(CAST('' AS text)), array_agg(CAST('image' AS text)),
        array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM touched
    HAVING count(*) > 0
    RETURNING chunk_id
)
INSERT INTO journal_image (chunk_id, library_id, key, image)
SELECT chunk.chunk_id, touched.library_id, '', to_jsonb(touched.old)
FROM touched
CROSS JOIN chunk
