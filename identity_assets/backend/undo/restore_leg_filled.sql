-- Restores the record of the values that the legs put into main rows to its state before the run.
WITH removed AS (
    DELETE FROM leg_filled AS filled
    USING undo
    WHERE undo.library_id = filled.library_id
      AND undo.table_name = 'leg_filled'
      AND undo.before = 'absent'
      AND filled.library_id BETWEEN :first_id AND :last_id
)
INSERT INTO leg_filled
SELECT (jsonb_populate_record(CAST(NULL AS leg_filled), undo.image)).*
FROM undo
WHERE undo.table_name = 'leg_filled' AND undo.before = 'image'
ORDER BY undo.library_id
ON CONFLICT (library_id) DO UPDATE SET
    discogs_master_id = excluded.discogs_master_id,
    discogs_release_id = excluded.discogs_release_id,
    pinned_manual = excluded.pinned_manual
