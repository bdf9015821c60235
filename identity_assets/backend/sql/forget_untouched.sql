-- Library rows of this chunk in which nothing was written, nor anything removed: there is nothing to take back.
DELETE FROM library_write AS before
WHERE before.library_id = ANY (CAST(:library_ids AS integer[]))
  AND before.run_id = :run_id
  AND cardinality(before.xids) = 1
  AND NOT EXISTS (
      SELECT FROM library_identity AS main
      WHERE main.library_id = before.library_id AND main.xmin = CAST(pg_current_xact_id() AS xid)
  )
  AND NOT EXISTS (
      SELECT FROM library_identity_source AS evidence
      WHERE evidence.library_id = before.library_id AND evidence.xmin = CAST(pg_current_xact_id() AS xid)
  )
  AND NOT EXISTS (
      SELECT FROM library_unresolved AS attempt
      WHERE attempt.library_id = before.library_id AND attempt.xmin = CAST(pg_current_xact_id() AS xid)
  )
  AND (before.main_before IS NOT NULL) = EXISTS (
      SELECT FROM library_identity AS main WHERE main.library_id = before.library_id
  )
  AND (before.attempt_before IS NOT NULL) = EXISTS (
      SELECT FROM library_unresolved AS attempt WHERE attempt.library_id = before.library_id
  )
  AND coalesce(jsonb_array_length(before.sources_before), 0) = (
      SELECT count(*) FROM library_identity_source AS evidence WHERE evidence.library_id = before.library_id
  )
