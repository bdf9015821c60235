-- The schemas among these whose tables this role cannot see.
SELECT nspname
FROM pg_namespace
WHERE nspname = ANY (CAST(:schema_names AS text[])) AND NOT has_schema_privilege(oid, 'USAGE')
ORDER BY nspname
