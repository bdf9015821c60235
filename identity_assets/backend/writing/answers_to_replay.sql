-- The stored answers of these partitions to apply again, in one range of library_id and in its order. They are all
-- answers, or only those set aside, or only those stored at :since or later. `left_alone` says why an answer is not
-- applied.
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
            AND candidate.outcome IS DISTINCT FROM 'writer_error'
        THEN 'waiting'
    END AS left_alone
FROM answers_between(:first_id, :last_id) AS answer
LEFT JOIN library ON library.id = answer.library_id AND library.id BETWEEN :first_id AND :last_id
LEFT JOIN candidate_library AS candidate
    ON candidate.library_id = answer.library_id
   AND candidate.library_id BETWEEN :first_id AND :last_id
   AND candidate.answers_since <= answer.asked_at
   AND NOT answer.lacks_tracks
WHERE answer.library_id % :partitions = ANY (:buckets)
  AND (
      NOT :only_rejected
      OR answer.applied_at IS NULL AND (answer.rejected_reason IS NOT NULL OR candidate.outcome = 'writer_error')
  )
  AND (CAST(:since AS timestamptz) IS NULL OR answer.asked_at >= :since)
ORDER BY answer.library_id
