-- The library rows that the writer looks at for the legs: a leg has evidence for them, or wrote one of their source rows.
CREATE VIEW identity_assets.leg_library_row AS
SELECT library_id
FROM identity_assets.leg_evidence
UNION
SELECT library_id
FROM library_identity_source
WHERE notes IN ('backfill:S1', 'backfill:S3');

COMMENT ON VIEW identity_assets.leg_library_row IS
'The library rows that a leg has evidence for, or wrote a source row of';
