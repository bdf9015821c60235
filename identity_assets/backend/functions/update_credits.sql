-- Replaces the track credits `old_rows` by `new_rows`. Returns the credits that were changed.
--
-- A credit that is not as in `old_rows` any more is left alone, because somebody has just changed it. If there is
-- nothing to do, no statement reaches the table: statement triggers of other services stand on it.
CREATE FUNCTION identity_assets.update_credits(
    old_rows identity_assets.credit_link[], new_rows identity_assets.credit_link[]
)
RETURNS TABLE (id integer, row_hash bigint)
LANGUAGE plpgsql
SET enable_nestloop = on
AS $$
BEGIN
    IF coalesce(cardinality(new_rows), 0) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE compilation_track_artist AS credit
    SET
        track_artist_id = made.track_artist_id,
        track_artist_link_confidence = made.track_artist_link_confidence,
        track_artist_link_method = made.track_artist_link_method,
        track_position = made.track_position
    FROM unnest(new_rows) AS made
    JOIN unnest(old_rows) AS old ON old.id = made.id
    WHERE credit.id = made.id
      AND (
          credit.track_artist_id, credit.track_artist_link_confidence, credit.track_artist_link_method,
          CAST(credit.track_position AS text)
      ) IS NOT DISTINCT FROM (
          old.track_artist_id, old.track_artist_link_confidence, old.track_artist_link_method, old.track_position
      )
    RETURNING credit.id, hash_record_extended(made, 0);
END
$$;

COMMENT ON FUNCTION identity_assets.update_credits IS
'Changes these credits if nobody has changed them since they were read. Returns the changed credits, with their hashes for the journal';
