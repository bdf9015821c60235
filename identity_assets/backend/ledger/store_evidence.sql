-- Stores a page of evidence that a leg found, for the library rows after :after up to :upto.
--
-- Evidence that is stored already is not changed. It keeps the moment at which it was first found, also if it is found
-- again for other names.
INSERT INTO leg_evidence AS old (
    library_id, leg, source, external_id, method, confidence, verified_at, run_id, artist_name, album_title,
    canonical_entity_id, checked_release_id, checked_master_id
)
SELECT
    found.library_id, :leg, found.source, found.external_id, found.method, found.confidence,
    coalesce(found.verified_at, stored.verified_at, now()), :run_id, found.artist_name,
    found.album_title, found.canonical_entity_id, found.checked_release_id, found.checked_master_id
FROM jsonb_to_recordset(CAST(:evidence AS jsonb)) AS found (
    library_id integer, source text, external_id text, method text, confidence real, verified_at timestamptz,
    artist_name text, album_title text, canonical_entity_id text, checked_release_id integer, checked_master_id integer
)
LEFT JOIN leg_evidence AS stored
    ON (stored.library_id, stored.leg, stored.source, stored.external_id, stored.method, stored.confidence)
     = (found.library_id, :leg, found.source, found.external_id, found.method, found.confidence)
   AND stored.library_id > :after
   AND stored.library_id <= :upto
ORDER BY found.library_id
ON CONFLICT (library_id, leg, source) DO UPDATE SET
    external_id = excluded.external_id,
    method = excluded.method,
    confidence = excluded.confidence,
    verified_at = excluded.verified_at,
    run_id = excluded.run_id,
    artist_name = excluded.artist_name,
    album_title = excluded.album_title,
    canonical_entity_id = excluded.canonical_entity_id,
    checked_release_id = excluded.checked_release_id,
    checked_master_id = excluded.checked_master_id,
    refused_reason = NULL
WHERE (
    old.external_id, old.method, old.confidence, old.verified_at, old.artist_name, old.album_title,
    old.canonical_entity_id, old.checked_release_id, old.checked_master_id
) IS DISTINCT FROM (
    excluded.external_id, excluded.method, excluded.confidence, excluded.verified_at, excluded.artist_name,
    excluded.album_title, excluded.canonical_entity_id, excluded.checked_release_id, excluded.checked_master_id
)
