-- Copies main rows into Backend's history before they are replaced or removed. Returns how many were copied.
CREATE FUNCTION identity_assets.keep_main_row_history(old_rows identity_assets.main_row[], reason text)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    kept bigint;
BEGIN
    IF old_rows IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format(
        'INSERT INTO library_identity_history (%1$s, superseded_reason) SELECT %1$s, $2 FROM unnest($1) ORDER BY library_id',
        identity_assets.main_row_columns()
    )
    USING old_rows, reason;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END
$$;

COMMENT ON FUNCTION identity_assets.keep_main_row_history IS
'Copies these main rows into library_identity_history. Returns how many were copied';
