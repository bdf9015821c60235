-- The hash of a row of library_track_identity_source in the journal.
CREATE FUNCTION identity_assets.track_source_hash(
    external_id text, method text, confidence real, last_verified_at timestamptz, notes text
)
RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$
    SELECT hash_record_extended(ROW (external_id, method, confidence, last_verified_at, notes), 0)
$$;

COMMENT ON FUNCTION identity_assets.track_source_hash IS
'The hash of the evidence for one track, by which the journal recognises it';
