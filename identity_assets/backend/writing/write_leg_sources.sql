-- The source rows of this chunk as the legs' evidence makes them: written, changed, removed. Those of people and of
-- other writers stay; a row that says already what the evidence says is not touched.
-- What is, is remembered as it stood, under :run_id where that is not null.
WITH standing AS MATERIALIZED (
    SELECT *
    FROM leg_standing(CAST(:library_ids AS integer[]), CAST(:pending_leg AS text), CAST(:pending AS jsonb))
    WHERE is_leg
),
removed AS (
    DELETE FROM library_identity_source AS old
    WHERE old.library_id = ANY (CAST(:library_ids AS integer[]))
      AND old.method <> 'manual'
      AND old.notes IN ('backfill:S1', 'backfill:S3')
      AND NOT EXISTS (
          SELECT
          FROM standing
          WHERE standing.library_id = old.library_id AND standing.source = old.source
      )
    RETURNING old.library_id
),
written AS (
    INSERT INTO library_identity_source AS old (
        library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes
    )
    SELECT library_id, source, external_id, method, confidence, last_verified_at, boost_sources, notes
    FROM standing
    ORDER BY library_id, source
    ON CONFLICT (library_id, source) DO UPDATE SET
        external_id = excluded.external_id,
        method = excluded.method,
        confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at,
        boost_sources = excluded.boost_sources,
        notes = excluded.notes
    WHERE old.method <> 'manual'
      AND old.notes IN ('backfill:S1', 'backfill:S3')
      AND (
          old.external_id, old.method, old.confidence, old.last_verified_at, old.boost_sources, old.notes
      ) IS DISTINCT FROM (
          excluded.external_id, excluded.method, excluded.confidence, excluded.last_verified_at,
          excluded.boost_sources, excluded.notes
      )
    RETURNING old.library_id
),
journal AS (
    INSERT INTO library_write AS earlier (
        library_id, run_id, written_at, xids, main_before, sources_before, attempt_before, filled_before
    )
    SELECT library_id, :run_id, now(), xids, main_before, sources_before, attempt_before, filled_before
    FROM library_as_it_stands(ARRAY(SELECT library_id FROM written UNION SELECT library_id FROM removed))
    WHERE CAST(:run_id AS text) IS NOT NULL
    ON CONFLICT (library_id, run_id) DO UPDATE SET
        written_at = excluded.written_at,
        xids = earlier.xids || excluded.xids
    WHERE NOT earlier.xids @> excluded.xids
)
SELECT
    (SELECT count(*) FROM written) AS written,
    (SELECT count(*) FROM removed) AS removed
