-- One DROP statement for each view, type and function in this project's schema.
SELECT statement
FROM (
    SELECT 1 AS place, format('DROP VIEW IF EXISTS %s CASCADE', CAST(oid AS regclass)) AS statement
    FROM pg_class
    WHERE relnamespace = to_regnamespace('identity_assets') AND relkind = 'v'
    UNION ALL
    SELECT 3, format('DROP TYPE IF EXISTS %s CASCADE', CAST(reltype AS regtype))
    FROM pg_class
    WHERE relnamespace = to_regnamespace('identity_assets') AND relkind = 'c'
    UNION ALL
    SELECT 2, format('DROP FUNCTION IF EXISTS %s CASCADE', CAST(oid AS regprocedure))
    FROM pg_proc
    WHERE pronamespace = to_regnamespace('identity_assets')
) AS dropped
ORDER BY place, statement
