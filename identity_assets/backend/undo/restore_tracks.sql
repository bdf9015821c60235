-- Restores the track credits and the evidence of tracks to their state before the run. A link to an artist who does
-- not exist any more is not restored.
WITH restored AS MATERIALIZED (
    SELECT update_credits(
        array_agg(
            CAST(ROW (
                credit.id, credit.track_artist_id, credit.track_artist_link_confidence,
                credit.track_artist_link_method, credit.track_position
            ) AS credit_link)
            ORDER BY credit.id
        ),
        array_agg(
            jsonb_populate_record(
                CAST(NULL AS credit_link),
                CASE
                    WHEN artists.id IS NULL THEN undo.image || '{"track_artist_id": null}'
                    ELSE undo.image
                END
            )
            ORDER BY credit.id
        )
    )
    FROM undo
    JOIN compilation_track_artist AS credit
        ON credit.library_id = undo.library_id AND CAST(credit.id AS text) = undo.key
    LEFT JOIN artists ON artists.id = CAST(undo.image ->> 'track_artist_id' AS integer)
    WHERE undo.table_name = 'compilation_track_artist'
),
evidence AS MATERIALIZED (
    SELECT * FROM undo WHERE table_name = 'library_track_identity_source'
),
removed AS (
    DELETE FROM library_track_identity_source AS held
    USING evidence
    WHERE evidence.library_id = held.library_id
      AND evidence.key = track_source_key(held.artist_name, held.track_title, held.source)
      AND evidence.before = 'absent'
      AND held.library_id BETWEEN :first_id AND :last_id
),
verified_before AS (
    UPDATE library_track_identity_source AS held
    SET last_verified_at = evidence.time_before
    FROM evidence
    WHERE evidence.library_id = held.library_id
      AND evidence.key = track_source_key(held.artist_name, held.track_title, held.source)
      AND evidence.before = 'time'
      AND held.library_id BETWEEN :first_id AND :last_id
),
brought_back AS (
    INSERT INTO library_track_identity_source
    SELECT (jsonb_populate_record(CAST(NULL AS library_track_identity_source), evidence.image)).*
    FROM evidence
    WHERE evidence.before = 'image'
    ORDER BY evidence.library_id, evidence.key
    ON CONFLICT (library_id, artist_name, coalesce(track_title, ''), (track_title IS NULL), source) DO UPDATE SET
        external_id = excluded.external_id,
        method = excluded.method,
        confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at,
        notes = excluded.notes
)
SELECT count(*) FROM restored
