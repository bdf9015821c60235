-- The evidence of both legs that counts for these library rows. Each row says whether it agrees with the other leg's
-- row.
--
-- Evidence counts if it is current. If the library row has changed since the leg read it, the evidence counts only if
-- the leg has already written the same id: so it makes no new row, and what it made stays until the leg is gathered
-- again.
--
-- `pending` is evidence that `pending_leg` has found and that is not stored yet. It replaces the stored evidence of
-- that leg. An empty array means that the leg has found nothing. A library row has at most one row of evidence for
-- each leg.
CREATE FUNCTION identity_assets.leg_evidence_of(
    library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL
)
RETURNS TABLE (
    library_id integer, leg text, source text, external_id text, method text, confidence real,
    verified_at timestamptz, has_pair boolean, same_entity boolean, is_conflict boolean, weakest real
)
LANGUAGE sql STABLE
AS $$
    SELECT
        evidence.library_id,
        evidence.leg,
        evidence.source,
        evidence.external_id,
        evidence.method,
        evidence.confidence,
        evidence.verified_at,
        count(*) OVER pair = 2,
        count(*) OVER pair = 2
            AND min(evidence.source) OVER pair = max(evidence.source) OVER pair
            AND min(evidence.external_id) OVER pair = max(evidence.external_id) OVER pair,
        CASE
            WHEN min(evidence.source) OVER pair = max(evidence.source) OVER pair
            THEN min(evidence.external_id) OVER pair <> max(evidence.external_id) OVER pair
            ELSE coalesce(
                CAST(max(evidence.checked_release_id) OVER pair AS text)
                    = max(evidence.external_id) FILTER (WHERE evidence.source = 'discogs_release') OVER pair
                AND CAST(max(evidence.checked_master_id) OVER pair AS text)
                    <> max(evidence.external_id) FILTER (WHERE evidence.source = 'discogs_master') OVER pair,
                false
            )
        END,
        min(evidence.confidence) OVER pair
    FROM (
        SELECT
            stored.library_id, stored.leg, stored.source, stored.external_id, stored.method, stored.confidence,
            stored.verified_at, stored.artist_name, stored.album_title, stored.canonical_entity_id,
            stored.checked_release_id, stored.checked_master_id
        FROM identity_assets.leg_evidence AS stored
        WHERE stored.library_id = ANY (library_ids)
          AND stored.leg IS DISTINCT FROM pending_leg
        UNION ALL
        SELECT
            found.library_id, pending_leg, found.source, found.external_id, found.method, found.confidence,
            coalesce(found.verified_at, stored.verified_at, now()), found.artist_name, found.album_title,
            found.canonical_entity_id, found.checked_release_id, found.checked_master_id
        FROM jsonb_to_recordset(pending) AS found (
            library_id integer, source text, external_id text, method text, confidence real,
            verified_at timestamptz, artist_name text, album_title text, canonical_entity_id text,
            checked_release_id integer, checked_master_id integer
        )
        LEFT JOIN identity_assets.leg_evidence AS stored
            ON (stored.library_id, stored.leg, stored.source, stored.external_id, stored.method, stored.confidence)
             = (found.library_id, pending_leg, found.source, found.external_id, found.method, found.confidence)
           AND stored.library_id = ANY (library_ids)
        WHERE found.library_id = ANY (library_ids)
    ) AS evidence
    JOIN library ON library.id = evidence.library_id AND library.id = ANY (library_ids)
    WHERE CASE
        WHEN identity_assets.is_current_evidence(
            evidence.leg, evidence.artist_name, evidence.album_title, evidence.canonical_entity_id,
            library.artist_name, library.album_title, library.canonical_entity_id
        )
        THEN true
        ELSE EXISTS (
            SELECT
            FROM library_identity_source AS written
            WHERE written.library_id = evidence.library_id
              AND written.source = evidence.source
              AND written.external_id = evidence.external_id
              AND written.method <> 'manual'
              AND (
                  (written.notes, written.method, written.confidence)
                      = ('backfill:' || evidence.leg, evidence.method, evidence.confidence)
                  OR 'backfill:' || evidence.leg = ANY (string_to_array(written.boost_sources, ','))
              )
        )
    END
    WINDOW pair AS (PARTITION BY evidence.library_id)
$$;

COMMENT ON FUNCTION identity_assets.leg_evidence_of IS
'The evidence of the legs, one row for each leg and library row: whether both legs name one entity, or contradict each other';
