-- One DROP statement for each view and function in this project's schema, views first.
SELECT statement
FROM (
    SELECT 1 AS place, format('DROP VIEW IF EXISTS %s CASCADE', CAST(oid AS regclass)) AS statement
    FROM pg_class
    WHERE relnamespace = to_regnamespace('identity_assets') AND relkind = 'v'
    UNION ALL
    SELECT 2, format('DROP FUNCTION IF EXISTS %s CASCADE', CAST(oid AS regprocedure))
    FROM pg_proc
    WHERE pronamespace = to_regnamespace('identity_assets')
) AS dropped
ORDER BY place, statement
