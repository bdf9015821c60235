-- Stages what the legs make of the library rows of one range, or of :library_ids if it is given.
--
-- Rows whose main row a person decided, and rows that Backend has deleted, are left out. A main row that this
-- transaction wrote was never committed. It is not an earlier state, so it does not go into history.
CREATE TEMPORARY TABLE leg_rows ON COMMIT DROP AS
SELECT
    main.library_id,
    main.library_id % :partitions AS bucket,
    main.fate,
    main.old_main,
    main.new_main,
    main.filled_master_id,
    main.filled_release_id,
    main.sources,
    main.fate IN ('changed', 'removed') AND standing.xmin <> CAST(pg_current_xact_id() AS xid) AS is_kept_in_history
FROM leg_main(
    coalesce(
        CAST(:library_ids AS integer[]),
        ARRAY(SELECT library_id FROM leg_library_row(:partitions, :buckets, :first_id, :last_id))
    ),
    :taken_back,
    CASE WHEN CAST(:taken_back AS text) IS NOT NULL THEN CAST('[]' AS jsonb) END
) AS main
LEFT JOIN library_identity AS standing
    ON standing.library_id = main.library_id AND standing.library_id BETWEEN :first_id AND :last_id
WHERE main.fate NOT IN ('manual', 'gone')
