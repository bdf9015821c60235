-- The present main rows in a range of library_id, locked in library_id order. So the row that is compared is the row
-- that is replaced.
--
-- IN (SELECT ...) is used instead of ANY. With ANY the planner looks up each id in the index or reads the whole
-- table.
CREATE FUNCTION identity_assets.standing_main_rows(first_id integer, last_id integer, library_ids integer[])
RETURNS SETOF identity_assets.main_row
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %s FROM library_identity AS main '
        'WHERE main.library_id BETWEEN $1 AND $2 AND main.library_id IN (SELECT unnest($3)) '
        'ORDER BY main.library_id FOR NO KEY UPDATE OF main',
        identity_assets.main_row_columns('main.')
    )
    USING first_id, last_id, library_ids;
END
$$;

COMMENT ON FUNCTION identity_assets.standing_main_rows IS
'Locks the main rows of these library rows, all of them in the given range, and returns them';
