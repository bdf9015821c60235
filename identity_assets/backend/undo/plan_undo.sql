-- What the undo does to the main row of each staged library row, or why it leaves the library row alone.
--
-- A source row that a person has set since stays as it is, and the rest is restored. The same holds for a track
-- credit, or the evidence of a track, that anybody has changed since.
SELECT
    undo.library_id,
    CASE
        WHEN NOT EXISTS (SELECT FROM library WHERE library.id = undo.library_id) THEN 'library_row_gone'
        WHEN bool_or(undo.is_decided_since) THEN 'manual'
        WHEN bool_or(undo.later_run_id IS NOT NULL) THEN 'written_again'
        WHEN bool_or(undo.table_name = 'library_identity' AND undo.is_manual AND NOT undo.is_as_written) THEN 'manual'
        WHEN bool_or(
            NOT undo.is_as_written
            AND undo.table_name NOT IN ('compilation_track_artist', 'library_track_identity_source')
            AND NOT (undo.table_name = 'library_identity_source' AND undo.is_manual)
        )
        THEN 'changed_since'
    END AS left_alone,
    max(undo.later_run_id) AS later_run_id,
    CASE
        WHEN bool_or(undo.table_name = 'library_identity' AND undo.before = 'absent' AND undo.stands) THEN 'remove'
        WHEN bool_or(undo.table_name = 'library_identity' AND undo.before IN ('image', 'time')) THEN 'restore'
        ELSE 'leave'
    END AS main_row
FROM undo
GROUP BY undo.library_id
ORDER BY undo.library_id
