-- Main and source rows with a confidence outside the band of their method, or with a method that has no band.
--
-- The bands come as three arrays with one element for each method. They are compared as real, the type of the column,
-- because 0.7 as a double is greater than 0.7 as a real. `inherited` is internal to a composer and has no band.
SELECT
    held.library_id,
    held.in_table,
    held.source,
    held.method,
    held.confidence,
    CASE
        WHEN band.method IS NULL THEN 'unknown method'
        ELSE 'outside ' || band.lowest || ' to ' || band.highest
    END AS disagreement,
    held.notes,
    count(*) OVER () AS offending
FROM (
    SELECT library_id, 'library_identity' AS in_table, NULL AS source, method, confidence, notes
    FROM library_identity
    UNION ALL
    SELECT library_id, 'library_identity_source', source, method, confidence, notes
    FROM library_identity_source
) AS held
LEFT JOIN unnest(CAST(:methods AS text[]), CAST(:lowest AS real[]), CAST(:highest AS real[]))
    AS band (method, lowest, highest) ON band.method = held.method
WHERE held.method <> 'inherited'
  AND (band.method IS NULL OR held.confidence NOT BETWEEN band.lowest AND band.highest)
ORDER BY held.library_id, held.in_table, held.source
LIMIT :sample_rows
