-- The columns of a source row.
CREATE VIEW identity_assets.source_row AS
SELECT library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes
FROM library_identity_source;

COMMENT ON VIEW identity_assets.source_row IS
'library_identity_source with the columns that this project writes';
