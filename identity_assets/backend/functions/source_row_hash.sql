-- The hash of a source row in the journal. Equal values have equal hashes, even if Backend adds columns to its table.
CREATE FUNCTION identity_assets.source_row_hash(
    library_id integer, source text, external_id text, method text, confidence real, last_verified_at timestamptz,
    boost_sources text, notes text
)
RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$
    SELECT hash_record_extended(
        ROW (library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes), 0
    )
$$;

COMMENT ON FUNCTION identity_assets.source_row_hash IS 'The hash of a source row, by which the journal recognises it';
