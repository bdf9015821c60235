-- What the legs had put into the main row before the run.
INSERT INTO leg_filled (library_id, discogs_master_id, discogs_release_id, pinned_manual)
SELECT old.library_id, old.discogs_master_id, old.discogs_release_id, old.pinned_manual
FROM library_write AS written
CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS leg_filled), written.filled_before) AS old
WHERE written.run_id = :run_id
  AND written.library_id = ANY (CAST(:library_ids AS integer[]))
  AND written.filled_before IS NOT NULL
ORDER BY old.library_id
ON CONFLICT (library_id) DO NOTHING
