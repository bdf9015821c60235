-- Restores the source rows to their state before the run.
WITH removed AS (
    DELETE FROM library_identity_source AS held
    USING undo
    WHERE undo.library_id = held.library_id
      AND undo.key = held.source
      AND undo.table_name = 'library_identity_source'
      AND undo.before = 'absent'
      AND held.library_id BETWEEN :first_id AND :last_id
),
verified_before AS (
    UPDATE library_identity_source AS held
    SET last_verified_at = undo.time_before
    FROM undo
    WHERE undo.library_id = held.library_id
      AND undo.key = held.source
      AND undo.table_name = 'library_identity_source'
      AND undo.before = 'time'
      AND held.library_id BETWEEN :first_id AND :last_id
)
INSERT INTO library_identity_source
SELECT (jsonb_populate_record(CAST(NULL AS library_identity_source), undo.image)).*
FROM undo
WHERE undo.table_name = 'library_identity_source' AND undo.before = 'image'
ORDER BY undo.library_id, undo.key
ON CONFLICT (library_id, source) DO UPDATE SET
    external_id = excluded.external_id,
    method = excluded.method,
    confidence = excluded.confidence,
    last_verified_at = excluded.last_verified_at,
    boost_sources = excluded.boost_sources,
    notes = excluded.notes
