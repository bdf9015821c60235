-- Library rows in the order of their ids. Each row has the result of functions/due_library.sql, its state
-- in the gate, LML's last answer, its outcome in the current pass, and people's decisions about it.
--
-- A filter that is not given is null. An artist is found by the name on the release or by the name of Backend's
-- artist, without regard to case and accents.
WITH lending AS MATERIALIZED (
    SELECT DISTINCT library.artist_id
    FROM library
    JOIN library_identity AS identity ON identity.library_id = library.id
    WHERE identity.confidence >= CAST(0.70 AS real) AND identity.method <> 'inherited'
),
decided_row AS (
    SELECT line.library_id, jsonb_agg(to_jsonb(line) ORDER BY line.decision DESC, line.source) AS decisions
    FROM decision_line() AS line
    GROUP BY line.library_id
),
standing AS (
    SELECT
        due.*,
        library.artist_name,
        library.album_title,
        library.artist_id,
        CASE
            WHEN due.is_manual OR due.decision = 'none' THEN 'manual'
            WHEN due.confidence >= CAST(0.70 AS real) THEN 'resolved'
            WHEN lending.artist_id IS NOT NULL THEN 'fallback_resolved'
            ELSE 'truly_unresolved'
        END AS state
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days) AS due
    JOIN library ON library.id = due.library_id
    LEFT JOIN lending ON lending.artist_id = library.artist_id
)
SELECT
    now() AS read_at,
    standing.*,
    answer.kind AS answer_kind,
    answer.verdict ->> 'method' AS answer_method,
    CAST(answer.verdict -> 'confidence' AS text) AS answer_confidence,
    answer.rejected_reason,
    answer.unwound_at,
    ledger.outcome,
    ledger.detail,
    decided_row.decisions
FROM standing
LEFT JOIN answer ON answer.library_id = standing.library_id
LEFT JOIN candidate_library AS ledger ON ledger.library_id = standing.library_id
LEFT JOIN decided_row ON decided_row.library_id = standing.library_id
LEFT JOIN decided ON decided.library_id = standing.library_id
WHERE standing.library_id > :after
  AND CASE CAST(:state AS text)
      WHEN 'due' THEN
          standing.is_due
          AND NOT standing.has_no_artist
          AND (:scope = 'full' OR standing.in_canonical_scope)
      WHEN 'stale' THEN standing.is_due AND NOT standing.has_no_artist AND standing.reason = 'stale'
      WHEN 'unresolved' THEN
          standing.state IN ('fallback_resolved', 'truly_unresolved')
          OR standing.confidence < CAST(0.70 AS real)
      WHEN 'truly-unresolved' THEN standing.state = 'truly_unresolved'
      WHEN 'manual' THEN decided_row.library_id IS NOT NULL
      WHEN 'rejected' THEN decided.rejected IS NOT NULL OR decided.refused IS NOT NULL
      WHEN 'held' THEN standing.is_held
      ELSE true
  END
  AND (CAST(:outcome AS text) IS NULL OR ledger.outcome = :outcome)
  AND (
      CAST(:artist AS text) IS NULL
      OR fold_artist_name(standing.artist_name) = fold_artist_name(:artist)
      OR standing.artist_id IN (
          SELECT id FROM artists WHERE fold_artist_name(artists.artist_name) = fold_artist_name(:artist)
      )
  )
ORDER BY standing.library_id
LIMIT :limit
