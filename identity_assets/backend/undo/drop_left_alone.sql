-- Keeps only the staged rows that can be restored. They belong to these library rows. Source rows that a person has
-- set since, and credits and evidence of tracks that anybody has changed since, are removed from the stage.
DELETE FROM undo
WHERE library_id <> ALL (CAST(:library_ids AS integer[]))
   OR before = 'same'
   OR (table_name = 'library_identity_source' AND is_manual AND NOT is_as_written)
   OR (table_name IN ('compilation_track_artist', 'library_track_identity_source') AND NOT is_as_written)
