-- The library rows that the writer checks for the legs: a leg has evidence for them, or wrote one of their source
-- rows.
CREATE FUNCTION identity_assets.leg_library_row(
    partitions integer, buckets integer[], first_id integer DEFAULT 0, last_id integer DEFAULT 2147483647
)
RETURNS TABLE (library_id integer)
LANGUAGE sql STABLE
AS $$
    SELECT evidence.library_id
    FROM identity_assets.leg_evidence AS evidence
    WHERE evidence.library_id BETWEEN first_id AND last_id
      AND evidence.library_id % partitions = ANY (buckets)
    UNION
    SELECT held.library_id
    FROM library_identity_source AS held
    WHERE held.library_id BETWEEN first_id AND last_id
      AND held.library_id % partitions = ANY (buckets)
      AND held.notes IN ('backfill:S1', 'backfill:S3')
$$;

COMMENT ON FUNCTION identity_assets.leg_library_row IS
'The library rows of these partitions for which a leg has evidence or wrote a source row';
