-- Puts each of the credits `new_rows` in the place of the same one of `old_rows`; returns those that were changed.
--
-- A credit that is no longer as `old_rows` says is left alone: somebody has just changed it. With nothing to do no
-- statement reaches the table, because statement triggers of other services stand on it.
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
'Changes these credits, if they are still as they were read; returns those changed, with the hash that the journal keeps';
