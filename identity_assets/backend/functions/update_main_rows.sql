-- Gives main rows that stand their new values, every column of main_row; returns the hash of each.
--
-- The columns are read from the catalogue, so that a new column is listed in one place.
CREATE FUNCTION identity_assets.update_main_rows(new_rows identity_assets.main_row[])
RETURNS TABLE (library_id integer, row_hash bigint)
LANGUAGE plpgsql
AS $$
BEGIN
    IF new_rows IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE (
        SELECT format(
            'UPDATE identity_assets.main_row AS main SET (%s) = ROW (%s) FROM unnest($1) AS new '
            'WHERE main.library_id = new.library_id RETURNING main.library_id, hash_record_extended(main, 0)',
            string_agg(quote_ident(attname), ', ' ORDER BY attnum),
            string_agg('new.' || quote_ident(attname), ', ' ORDER BY attnum)
        )
        FROM pg_attribute
        WHERE attrelid = 'identity_assets.main_row'::regclass AND attnum > 1 AND NOT attisdropped
    )
    USING new_rows;
END
$$;

COMMENT ON FUNCTION identity_assets.update_main_rows IS
'Replaces the values of these main rows, which must stand already';
