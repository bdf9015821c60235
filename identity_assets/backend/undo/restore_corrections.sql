-- Restores people's decisions to their state before the run.
WITH removed AS (
    DELETE FROM correction AS decision
    USING undo
    WHERE undo.library_id = decision.library_id
      AND undo.key = decision.key
      AND undo.table_name = 'correction'
      AND undo.before = 'absent'
      AND decision.library_id BETWEEN :first_id AND :last_id
)
INSERT INTO correction
SELECT (jsonb_populate_record(CAST(NULL AS correction), undo.image)).*
FROM undo
WHERE undo.table_name = 'correction' AND undo.before = 'image'
ORDER BY undo.library_id, undo.key
ON CONFLICT (library_id, key) DO UPDATE SET
    decision = excluded.decision,
    source = excluded.source,
    ids = excluded.ids,
    made_by = excluded.made_by,
    made_at = excluded.made_at,
    run_id = excluded.run_id,
    note = excluded.note
