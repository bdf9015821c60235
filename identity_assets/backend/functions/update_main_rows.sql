-- Gives existing main rows new values in every column of main_row. Returns the hash of each.
CREATE FUNCTION identity_assets.update_main_rows(new_rows identity_assets.main_row[])
RETURNS TABLE (library_id integer, row_hash bigint)
LANGUAGE plpgsql
AS $$
BEGIN
    IF new_rows IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'UPDATE library_identity AS main SET (%s) = ROW (%s) FROM unnest($1) AS new '
        'WHERE main.library_id = new.library_id AND main.library_id BETWEEN $2 AND $3 '
        'RETURNING main.library_id, hash_record_extended(CAST(ROW (%s) AS identity_assets.main_row), 0)',
        identity_assets.main_row_columns(),
        identity_assets.main_row_columns('new.'),
        identity_assets.main_row_columns('main.')
    )
    USING
        new_rows,
        (SELECT min(one.library_id) FROM unnest(new_rows) AS one),
        (SELECT max(one.library_id) FROM unnest(new_rows) AS one);
END
$$;

COMMENT ON FUNCTION identity_assets.update_main_rows IS
'Replaces the values of these main rows, which must exist. Returns the hash of each for the journal';
