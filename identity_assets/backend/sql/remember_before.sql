-- What stands before this chunk is written, so that it can be taken back. Main rows of this very transaction are new.
INSERT INTO library_write AS earlier (library_id, run_id, written_at, xids, main_before, sources_before, attempt_before, filled_before)
SELECT
    asked.library_id,
    :run_id,
    now(),
    ARRAY[CAST(CAST(pg_current_xact_id() AS text) AS bigint) % 4294967296],
    CASE WHEN main.xmin <> CAST(pg_current_xact_id() AS xid) THEN to_jsonb(main) END,
    (
        SELECT jsonb_agg(to_jsonb(evidence) ORDER BY evidence.source)
        FROM library_identity_source AS evidence
        WHERE evidence.library_id = asked.library_id
    ),
    to_jsonb(attempt),
    to_jsonb(filled)
FROM unnest(CAST(:library_ids AS integer[])) AS asked (library_id)
LEFT JOIN library_identity AS main ON main.library_id = asked.library_id
LEFT JOIN library_unresolved AS attempt ON attempt.library_id = asked.library_id
LEFT JOIN leg_filled AS filled ON filled.library_id = asked.library_id
ON CONFLICT (library_id, run_id) DO UPDATE SET
    written_at = excluded.written_at,
    xids = earlier.xids || excluded.xids
