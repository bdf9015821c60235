-- The present main rows of these library rows. Nothing is locked.
CREATE FUNCTION identity_assets.main_rows_of(library_ids integer[])
RETURNS SETOF identity_assets.main_row
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %s FROM library_identity AS main '
        'WHERE main.library_id BETWEEN $1 AND $2 AND main.library_id IN (SELECT unnest($3))',
        identity_assets.main_row_columns('main.')
    )
    USING
        (SELECT min(one) FROM unnest(library_ids) AS one), (SELECT max(one) FROM unnest(library_ids) AS one), library_ids;
END
$$;

COMMENT ON FUNCTION identity_assets.main_rows_of IS 'The present main rows of these library rows. Nothing is locked';
