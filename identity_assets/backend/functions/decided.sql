-- What people decided about each library row. There is one row for each library row.
--
-- is_none    a person knows that no service has an identity for it
-- rejected   the identities that people rejected as a whole: an array of objects that map a source to its id
-- refused    the ids of single sources that people rejected, in the same form
CREATE VIEW identity_assets.decided AS
SELECT
    correction.library_id,
    bool_or(correction.decision = 'none') AS is_none,
    jsonb_agg(correction.ids ORDER BY correction.key)
        FILTER (WHERE correction.decision = 'reject' AND correction.source IS NULL) AS rejected,
    jsonb_agg(correction.ids ORDER BY correction.key)
        FILTER (WHERE correction.decision = 'reject' AND correction.source IS NOT NULL) AS refused
FROM identity_assets.correction AS correction
GROUP BY correction.library_id;

COMMENT ON VIEW identity_assets.decided IS
'What people decided about each library row: that it has no identity, and which identities and ids they rejected';
