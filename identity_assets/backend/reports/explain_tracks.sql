-- The track credits of one library row and the tracks in LML's answer. Each has its present link, what the answer
-- does to it (fate), and the evidence.
WITH answered AS (
    SELECT library_id, verdict -> 'tracks' AS tracks, set_aside
    FROM answer
    WHERE library_id = :library_id AND resolved_tracks IS NOT NULL AND rejected_reason IS NULL
),
link AS MATERIALIZED (
    SELECT link.*
    FROM answered
    CROSS JOIN LATERAL track_links(
        ARRAY[answered.library_id],
        (
            SELECT array_agg(entry)
            FROM track_entries(ARRAY[answered.library_id], ARRAY[answered.tracks], ARRAY[answered.set_aside]) AS entry
        )
    ) AS link
),
evidence AS MATERIALIZED (
    SELECT
        track_source_key(artist_name, track_title, '') AS key,
        jsonb_agg(
            jsonb_build_object(
                'source', source, 'external_id', external_id, 'method', method, 'confidence', confidence,
                'last_verified_at', last_verified_at, 'notes', notes
            )
            ORDER BY source
        ) AS sources
    FROM library_track_identity_source
    WHERE library_id = :library_id
    GROUP BY artist_name, track_title
),
track AS MATERIALIZED (
    SELECT
        credit.id AS credit_id,
        coalesce(CAST(credit.artist_name AS text), link.artist_name) AS artist_name,
        coalesce(CAST(credit.track_title AS text), link.track_title) AS track_title,
        credit.track_position,
        credit.track_artist_id,
        credit.track_artist_link_confidence,
        credit.track_artist_link_method,
        link.fate
    FROM (SELECT * FROM compilation_track_artist WHERE library_id = :library_id) AS credit
    FULL JOIN link ON (link.old).id = credit.id
)
SELECT track.*, artists.artist_name AS track_artist_name, coalesce(evidence.sources, '[]') AS sources
FROM track
LEFT JOIN artists ON artists.id = track.track_artist_id
LEFT JOIN evidence ON evidence.key = track_source_key(track.artist_name, track.track_title, '')
ORDER BY track.track_position, track.artist_name, track.track_title, track.credit_id
