-- The rights that a run needs and this session's role lacks, in the words of GRANT. docs/least-privilege.md grants
-- them. A table that does not exist is left out, because `migrate` creates it. closed_schemas.sql has checked the
-- schemas before.
WITH needed (name, rights) AS (
    VALUES
        ('artists', 'SELECT'),
        ('library', 'SELECT'),
        ('compilation_track_artist', 'SELECT'),
        ('library_identity', 'SELECT, INSERT, UPDATE, DELETE'),
        ('library_identity_source', 'SELECT, INSERT, UPDATE, DELETE'),
        ('library_identity_history', 'SELECT, INSERT'),
        ('library_unresolved', 'SELECT, INSERT, UPDATE, DELETE'),
        ('library_track_identity_source', 'SELECT, INSERT, UPDATE, DELETE'),
        ('identity_assets.candidate_library', 'INSERT, UPDATE, DELETE'),
        ('identity_assets.correction', 'INSERT, UPDATE, DELETE'),
        ('identity_assets.journal_chunk', 'INSERT, UPDATE, DELETE'),
        ('identity_assets.journal_image', 'INSERT, DELETE'),
        ('identity_assets.leg_evidence', 'INSERT, UPDATE, DELETE'),
        ('identity_assets.leg_filled', 'INSERT, UPDATE, DELETE'),
        ('identity_assets.leg_gathered', 'INSERT'),
        ('identity_assets.lml_verdict', 'INSERT, UPDATE, DELETE'),
        ('identity_assets.lml_verdict_history', 'INSERT, DELETE'),
        ('identity_assets.lml_verdict_state', 'INSERT, UPDATE, DELETE')
),
updated (name, column_name) AS (
    VALUES
        ('compilation_track_artist', 'track_artist_id'),
        ('compilation_track_artist', 'track_artist_link_confidence'),
        ('compilation_track_artist', 'track_artist_link_method'),
        ('compilation_track_artist', 'track_position')
)
SELECT 'TEMPORARY on the database ' || current_database() AS missing
WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
UNION ALL
SELECT format('SELECT on identity_assets.%s', relname)
FROM pg_class
WHERE relnamespace = to_regnamespace('identity_assets')
  AND relkind IN ('r', 'v')
  AND NOT has_table_privilege(oid, 'SELECT')
UNION ALL
SELECT one.privilege || ' on ' || needed.name
FROM needed
CROSS JOIN LATERAL regexp_split_to_table(needed.rights, ', ') AS one (privilege)
WHERE NOT has_table_privilege(to_regclass(needed.name), one.privilege)
UNION ALL
SELECT format('UPDATE (%s) on %s', updated.column_name, updated.name)
FROM updated
JOIN pg_attribute AS held
    ON held.attrelid = to_regclass(updated.name) AND held.attname = updated.column_name AND NOT held.attisdropped
WHERE NOT has_column_privilege(held.attrelid, held.attnum, 'UPDATE')
UNION ALL
SELECT 'USAGE on the sequence ' || history.sequence_name
FROM (
    SELECT pg_get_serial_sequence(CAST(to_regclass('library_identity_history') AS text), 'history_id') AS sequence_name
) AS history
WHERE NOT has_sequence_privilege(history.sequence_name, 'USAGE')
