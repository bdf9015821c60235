-- Those of these schemas whose tables this role does not see.
SELECT nspname
FROM pg_namespace
WHERE nspname = ANY (CAST(:schema_names AS text[])) AND NOT has_schema_privilege(oid, 'USAGE')
ORDER BY nspname
