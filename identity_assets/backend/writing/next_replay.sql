-- The next stored answers of these partitions to apply again: at most :rows after :after, in library_id order. They
-- are all answers, or only those set aside, or only those stored at :since or later. `left_alone` says why an answer
-- is not applied.
SELECT
    answer.library_id,
    CAST(answer.verdict AS text) AS verdict,
    answer.rejected_reason,
    CAST(answer.set_aside AS text) AS set_aside,
    CASE
        WHEN answer.unwound_at IS NOT NULL THEN 'unwound'
        WHEN answer.held_at IS NOT NULL THEN 'held'
        WHEN answer.dropped_at IS NOT NULL THEN 'dropped'
        WHEN library.id IS NULL THEN 'library_row_gone'
        WHEN NOT has_same_names(answer.artist_name, answer.album_title, library.artist_name, library.album_title)
        THEN 'names_changed'
        WHEN answer.applied_at IS NULL
            AND answer.rejected_reason IS NULL
            AND ledger.outcome IS DISTINCT FROM 'writer_error'
        THEN 'waiting'
    END AS left_alone
-- Each table begins at the start of the page. Otherwise a merge of two indexes begins at the first row of all.
FROM answers_between(:after, 2147483647) AS answer
LEFT JOIN library ON library.id = answer.library_id AND library.id > :after
LEFT JOIN ledger
    ON ledger.library_id = answer.library_id AND ledger.answered_at = answer.asked_at AND ledger.library_id > :after
WHERE answer.library_id > :after
  AND answer.library_id % :partitions = ANY (:buckets)
  AND (
      NOT :only_rejected
      OR answer.applied_at IS NULL AND (answer.rejected_reason IS NOT NULL OR ledger.outcome = 'writer_error')
  )
  AND (CAST(:since AS timestamptz) IS NULL OR answer.asked_at >= :since)
ORDER BY answer.library_id
LIMIT :rows
