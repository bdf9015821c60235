-- Inserts main rows for library rows that have none. Returns the hash of each.
CREATE FUNCTION identity_assets.insert_main_rows(new_rows identity_assets.main_row[])
RETURNS TABLE (library_id integer, row_hash bigint)
LANGUAGE plpgsql
AS $$
BEGIN
    IF new_rows IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'INSERT INTO library_identity AS main (%1$s) SELECT %1$s FROM unnest($1) ORDER BY library_id '
        'RETURNING main.library_id, hash_record_extended(CAST(ROW (%2$s) AS identity_assets.main_row), 0)',
        identity_assets.main_row_columns(),
        identity_assets.main_row_columns('main.')
    )
    USING new_rows;
END
$$;

COMMENT ON FUNCTION identity_assets.insert_main_rows IS
'Inserts these main rows. Returns the hash of each for the journal';
