-- Whether two sets of ids name the same identity: they share an id, and no source has another id in the one than in the
-- other. An answer that only knows a source more, or less, says the same. Two empty sets are the same.
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
