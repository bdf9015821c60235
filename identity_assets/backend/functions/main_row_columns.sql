-- The columns of main_row as a list for a statement, each with the given prefix: `library_id, wikidata_qid, ...`.
CREATE FUNCTION identity_assets.main_row_columns(prefix text DEFAULT '')
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(prefix || quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_attribute
    WHERE attrelid = 'identity_assets.main_row'::regclass AND attnum > 0 AND NOT attisdropped
$$;

COMMENT ON FUNCTION identity_assets.main_row_columns IS 'The columns of main_row, comma-separated, for a statement';
