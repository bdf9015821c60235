-- The evidence of the two legs for one library row, what they read of it, whether the row has changed since then, and
-- the reason if the database refuses the evidence.
SELECT
    leg, source, external_id, method, confidence, verified_at, run_id, artist_name, album_title, canonical_entity_id,
    leg IN (SELECT outdated.leg FROM leg_outdated_evidence(ARRAY[CAST(:library_id AS integer)]) AS outdated)
        AS is_outdated,
    refused_reason
FROM leg_evidence
WHERE library_id = :library_id
ORDER BY leg
