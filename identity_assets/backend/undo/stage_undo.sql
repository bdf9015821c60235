-- Each table row that these runs wrote in one range: its state before the runs, the state that they left, and its
-- present state. It also has the other run that wrote the library row since the first of these runs. Several runs are
-- taken back together, as if they were one.
--
-- A run may write a table row more than once, for example for LML's answer and for a leg. Its first write that
-- changed the row gives the state before, and its last write gives the state that it left. If that first write
-- changed only the time and a later write changed more, the state before is the image of the later write with the
-- time of the first.
--
-- A row that the run did not write, but that exists now beside rows that it wrote, counts as changed by somebody
-- else. Credits and the evidence of tracks are many and independent of each other, so only those that the run wrote
-- are read.
CREATE TEMPORARY TABLE undo ON COMMIT DROP AS
WITH entry AS MATERIALIZED (
    SELECT entry.*
    FROM journal_entry AS entry
    WHERE entry.run_id = ANY (CAST(:run_ids AS text[]))
      AND entry.first_library_id <= :last_id
      AND entry.last_library_id >= :first_id
      AND entry.library_id BETWEEN :first_id AND :last_id
      AND (CAST(:library_ids AS integer[]) IS NULL OR entry.library_id = ANY (CAST(:library_ids AS integer[])))
),
first AS (
    SELECT DISTINCT ON (table_name, library_id, key) table_name, library_id, key, before, time_before, chunk_id
    FROM entry
    ORDER BY table_name, library_id, key, before = 'same', chunk_id
),
image AS (
    SELECT DISTINCT ON (entry.table_name, entry.library_id, entry.key)
        entry.table_name, entry.library_id, entry.key, image.image
    FROM entry
    JOIN journal_image AS image
        ON image.chunk_id = entry.chunk_id AND image.library_id = entry.library_id AND image.key = entry.key
    -- Without this condition all images are read for each range.
    WHERE image.chunk_id = ANY (ARRAY(SELECT DISTINCT touched.chunk_id FROM entry AS touched))
    ORDER BY entry.table_name, entry.library_id, entry.key, entry.chunk_id
),
last AS (
    SELECT DISTINCT ON (table_name, library_id, key) table_name, library_id, key, row_hash, chunk_id
    FROM entry
    ORDER BY table_name, library_id, key, chunk_id DESC
),
written AS MATERIALIZED (
    SELECT
        first.table_name, first.library_id, first.key, first.time_before, last.row_hash,
        min(first.chunk_id) OVER (PARTITION BY first.library_id) AS first_chunk_id,
        CASE WHEN first.before = 'time' AND image.image IS NOT NULL THEN 'image' ELSE first.before END AS before,
        CASE
            WHEN first.before = 'time' THEN image.image || jsonb_build_object('last_verified_at', first.time_before)
            ELSE image.image
        END AS image
    FROM first
    JOIN last
        ON last.table_name = first.table_name AND last.library_id = first.library_id AND last.key = first.key
    LEFT JOIN image
        ON image.table_name = first.table_name AND image.library_id = first.library_id AND image.key = first.key
),
later AS MATERIALIZED (
    SELECT other.library_id, max(other.chunk_id) AS chunk_id, bool_or(other.table_name = 'correction') AS is_decision
    FROM journal_entry AS other
    WHERE other.run_id <> ALL (CAST(:run_ids AS text[]))
      AND other.chunk_id > (SELECT min(entry.chunk_id) FROM entry)
      AND other.first_library_id <= :last_id
      AND other.last_library_id >= :first_id
      AND other.before <> 'same'
      AND (other.before <> 'absent' OR other.row_hash IS NOT NULL)
    GROUP BY other.library_id
),
standing AS MATERIALIZED (
    SELECT
        'library_identity' AS table_name, main.library_id, '' AS key, hash_record_extended(main, 0) AS row_hash,
        main.method = 'manual' AS is_manual
    FROM standing_main_rows(:first_id, :last_id, ARRAY(SELECT DISTINCT entry.library_id FROM entry)) AS main
    UNION ALL
    SELECT
        'library_identity_source', held.library_id, held.source,
        source_row_hash(
            held.library_id, held.source, held.external_id, held.method, held.confidence, held.last_verified_at,
            held.boost_sources, held.notes
        ),
        held.method = 'manual'
    FROM library_identity_source AS held
    WHERE held.library_id BETWEEN :first_id AND :last_id
    UNION ALL
    SELECT 'library_unresolved', attempt.library_id, '', hash_record_extended(attempt, 0), false
    FROM library_unresolved AS attempt
    WHERE attempt.library_id BETWEEN :first_id AND :last_id
    UNION ALL
    SELECT 'leg_filled', filled.library_id, '', hash_record_extended(filled, 0), false
    FROM leg_filled AS filled
    WHERE filled.library_id BETWEEN :first_id AND :last_id
    UNION ALL
    SELECT 'correction', decided.library_id, decided.key, hash_record_extended(decided, 0), false
    FROM correction AS decided
    WHERE decided.library_id BETWEEN :first_id AND :last_id
    UNION ALL
    SELECT
        'compilation_track_artist', credit.library_id, CAST(credit.id AS text),
        hash_record_extended(CAST(ROW (
            credit.id, credit.track_artist_id, credit.track_artist_link_confidence, credit.track_artist_link_method,
            credit.track_position
        ) AS credit_link), 0),
        coalesce(credit.track_artist_link_method = 'librarian', false)
    FROM compilation_track_artist AS credit
    WHERE credit.library_id IN (
        SELECT entry.library_id FROM entry WHERE entry.table_name = 'compilation_track_artist'
    )
    UNION ALL
    SELECT
        'library_track_identity_source', held.library_id, track_source_key(held.artist_name, held.track_title, held.source),
        track_source_hash(held.external_id, held.method, held.confidence, held.last_verified_at, held.notes),
        held.method = 'manual'
    FROM library_track_identity_source AS held
    WHERE held.library_id BETWEEN :first_id AND :last_id
)
SELECT
    written.table_name,
    written.library_id,
    written.key,
    written.before,
    written.time_before,
    written.image,
    standing.library_id IS NOT NULL AS stands,
    coalesce(standing.is_manual, false) AS is_manual,
    standing.row_hash IS NOT DISTINCT FROM written.row_hash AS is_as_written,
    chunk.run_id AS later_run_id,
    coalesce(later.is_decision, false) AS is_decided_since
FROM written
LEFT JOIN standing
    ON standing.table_name = written.table_name
   AND standing.library_id = written.library_id
   AND standing.key = written.key
LEFT JOIN later ON later.library_id = written.library_id AND later.chunk_id > written.first_chunk_id
LEFT JOIN journal_chunk AS chunk ON chunk.chunk_id = later.chunk_id
UNION ALL
SELECT
    standing.table_name, standing.library_id, standing.key, 'same', NULL, NULL, true, standing.is_manual, false, NULL,
    false
FROM standing
WHERE standing.table_name NOT IN ('compilation_track_artist', 'library_track_identity_source')
  AND (standing.table_name, standing.library_id) IN (SELECT written.table_name, written.library_id FROM written)
  AND NOT EXISTS (
      SELECT
      FROM written
      WHERE written.table_name = standing.table_name
        AND written.library_id = standing.library_id
        AND written.key = standing.key
  )
