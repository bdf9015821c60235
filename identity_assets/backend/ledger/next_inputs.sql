-- The next inputs for LML: at most :rows rows of one cohort after :after, in library_id order.
SELECT candidate.library_id, candidate.artist_name, candidate.album_title, candidate.legacy_release_id
FROM candidate_library AS candidate
WHERE candidate.library_id > :after
  AND candidate.library_id % :partitions = ANY (:buckets)
  AND candidate.cohort = :cohort
  AND candidate.outcome IS NULL
  AND NOT EXISTS (
      SELECT
      FROM lml_verdict AS verdict
      WHERE verdict.library_id = candidate.library_id
        -- With this condition a merge of the two indexes begins at the start of the page.
        AND verdict.library_id > :after
        AND verdict.asked_at >= candidate.answers_since
        AND NOT verdict.lacks_tracks
  )
ORDER BY candidate.library_id
LIMIT :rows
