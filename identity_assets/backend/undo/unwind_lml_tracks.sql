-- Removes the links and the evidence that LML's answers made for the tracks of these library rows, and writes the
-- journal. Positions that were filled stay.
WITH linked AS MATERIALIZED (
    SELECT
        credit.library_id,
        CAST(ROW (
            credit.id, credit.track_artist_id, credit.track_artist_link_confidence, credit.track_artist_link_method,
            credit.track_position
        ) AS credit_link) AS old,
        CAST(ROW (credit.id, NULL, NULL, NULL, credit.track_position) AS credit_link) AS new
    FROM compilation_track_artist AS credit
    WHERE credit.library_id = ANY (CAST(:library_ids AS integer[]))
      AND credit.track_artist_link_method = 'lml_backfill'
),
updated AS MATERIALIZED (
    SELECT *
    FROM update_credits(
        (SELECT array_agg(old ORDER BY (old).id) FROM linked), (SELECT array_agg(new ORDER BY (old).id) FROM linked)
    )
),
removed AS (
    DELETE FROM library_track_identity_source AS held
    WHERE held.library_id = ANY (CAST(:library_ids AS integer[]))
      AND held.notes = 'consumer:lml-bulk'
      AND held.method <> 'manual'
    RETURNING held.*
),
journaled AS MATERIALIZED (
    SELECT
        'compilation_track_artist' AS table_name, linked.library_id, CAST(updated.id AS text) AS key, updated.row_hash,
        to_jsonb(linked.old) AS image
    FROM updated
    JOIN linked ON (linked.old).id = updated.id
    UNION ALL
    SELECT
        'library_track_identity_source', removed.library_id,
        track_source_key(removed.artist_name, removed.track_title, removed.source), NULL, to_jsonb(removed)
    FROM removed
),
chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, table_name, min(library_id), max(library_id), array_agg(library_id), array_agg(key),
        array_agg(CAST('image' AS text)), array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM journaled
    GROUP BY table_name
    RETURNING chunk_id, table_name
)
INSERT INTO journal_image (chunk_id, library_id, key, image)
SELECT chunk.chunk_id, journaled.library_id, journaled.key, journaled.image
FROM journaled
JOIN chunk ON chunk.table_name = journaled.table_name
