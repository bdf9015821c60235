-- Locks the main rows that the legs may change, in library_id order. So the row that is compared is the row that is
-- replaced.
--
-- They belong to the library rows that the writer checks for the legs in one range, or to :library_ids if it is
-- given. The lock is a separate statement, so that the next statement sees what others committed while this one
-- waited.
SELECT count(*)
FROM standing_main_rows(
    :first_id, :last_id,
    coalesce(
        CAST(:library_ids AS integer[]),
        ARRAY(SELECT library_id FROM leg_library_row(:partitions, :buckets, :first_id, :last_id))
    )
)
