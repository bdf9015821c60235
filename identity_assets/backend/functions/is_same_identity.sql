-- Whether two sets of ids name the same identity: they share at least one id, and no source has different ids in the
-- two. A source that only one of them has makes no difference. Two empty sets are the same.
CREATE FUNCTION identity_assets.is_same_identity(one jsonb, other jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN one = '{}' OR other = '{}' THEN one = other
        ELSE (
            SELECT coalesce(bool_and(other ->> named.key = named.value), false)
            FROM jsonb_each_text(one) AS named
            WHERE other ->> named.key IS NOT NULL
        )
    END
$$;

COMMENT ON FUNCTION identity_assets.is_same_identity IS
'Whether two objects that map a source to its id name the same identity';
