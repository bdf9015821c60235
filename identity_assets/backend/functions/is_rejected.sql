-- Whether a person rejected the identity with these ids: it is one of `rejected`, an array of objects that map a source
-- to its id. Null stands for no rejection.
CREATE FUNCTION identity_assets.is_rejected(rejected jsonb, ids jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_array_elements(rejected) AS one WHERE identity_assets.is_same_identity(one.value, ids)
    )
$$;

COMMENT ON FUNCTION identity_assets.is_rejected IS 'Whether a person rejected the identity with these ids';
