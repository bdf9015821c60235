-- Whether a person rejected the identity with these ids. `rejected` is an array of objects that map a source to its
-- id. Null means that nothing was rejected.
CREATE FUNCTION identity_assets.is_rejected(rejected jsonb, ids jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_array_elements(rejected) AS one WHERE identity_assets.is_same_identity(one.value, ids)
    )
$$;

COMMENT ON FUNCTION identity_assets.is_rejected IS 'Whether a person rejected the identity with these ids';
