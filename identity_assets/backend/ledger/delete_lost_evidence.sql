-- Deletes evidence that a leg does not find any more, for the library rows after :after up to :upto.
DELETE FROM leg_evidence AS old
WHERE old.leg = :leg
  AND old.library_id % :partitions = ANY (:buckets)
  AND old.library_id > :after
  AND old.library_id <= :upto
  AND NOT EXISTS (
      SELECT
      FROM jsonb_to_recordset(CAST(:evidence AS jsonb)) AS found (library_id integer, source text)
      WHERE found.library_id = old.library_id AND found.source = old.source
  )
