-- Locks the main rows that the legs may change, in library_id order, so that what is compared is what is replaced.
--
-- They belong to the library rows of one range that a leg has to do with, or to those of :library_ids where it is given.
-- The lock is a statement of its own: the next one sees what others committed while this one waited.
SELECT count(*)
FROM standing_main_rows(
    :first_id, :last_id,
    coalesce(
        CAST(:library_ids AS integer[]),
        ARRAY(SELECT library_id FROM leg_library_row(:partitions, :buckets, :first_id, :last_id))
    )
)
