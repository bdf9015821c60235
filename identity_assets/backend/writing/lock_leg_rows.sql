-- Locks the main rows that the legs may change, in library_id order, so that what is compared is what is replaced.
--
-- They belong to the library rows of one range that a leg has to do with, or to those of :library_ids where it is given.
-- The lock is a statement of its own: the next one sees what others have committed while this one waited.
SELECT count(*)
FROM (
    SELECT main.library_id
    FROM main_row AS main
    WHERE main.library_id BETWEEN :first_id AND :last_id
      AND CASE
          WHEN CAST(:library_ids AS integer[]) IS NULL
          THEN main.library_id IN (
              SELECT held.library_id
              FROM leg_library_row AS held
              WHERE held.library_id BETWEEN :first_id AND :last_id
                AND held.library_id % :partitions = ANY (:buckets)
          )
          ELSE main.library_id = ANY (CAST(:library_ids AS integer[]))
      END
    ORDER BY main.library_id
    FOR NO KEY UPDATE
) AS locked
