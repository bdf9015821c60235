-- Links of track credits that this project made and that are wrong: the artist does not exist any more, a librarian
-- had decided the credit, or no method has this confidence. Also evidence with a confidence outside the band of its
-- method.
--
-- A credit does not have LML's method, so its confidence must lie in any band. The journal has the state of a credit
-- before a link. The bands come as three arrays with one element for each method.
WITH over_librarian AS MATERIALIZED (
    SELECT DISTINCT image.library_id, image.key
    FROM journal_chunk AS chunk
    JOIN journal_image AS image ON image.chunk_id = chunk.chunk_id
    WHERE chunk.table_name = 'compilation_track_artist'
      AND image.image ->> 'track_artist_link_method' = 'librarian'
),
band AS MATERIALIZED (
    SELECT *
    FROM unnest(CAST(:methods AS text[]), CAST(:lowest AS real[]), CAST(:highest AS real[]))
        AS band (method, lowest, highest)
)
SELECT library_id, artist_name, track_title, confidence, disagreement, count(*) OVER () AS offending
FROM (
    SELECT
        credit.library_id,
        credit.artist_name,
        credit.track_title,
        credit.track_artist_link_confidence AS confidence,
        CASE
            WHEN credit.track_artist_id IS NULL THEN 'the artist is gone'
            WHEN over_librarian.key IS NOT NULL THEN 'a librarian had decided it'
            WHEN credit.track_artist_link_confidence NOT BETWEEN (SELECT min(lowest) FROM band) AND (
                SELECT max(highest) FROM band
            )
            THEN 'no method has this confidence'
        END AS disagreement
    FROM compilation_track_artist AS credit
    LEFT JOIN over_librarian
        ON over_librarian.library_id = credit.library_id AND over_librarian.key = CAST(credit.id AS text)
    WHERE credit.track_artist_link_method = 'lml_backfill'
    UNION ALL
    SELECT
        held.library_id,
        held.artist_name,
        held.track_title,
        held.confidence,
        held.source || ': ' || CASE
            WHEN band.method IS NULL THEN 'unknown method'
            ELSE 'outside ' || band.lowest || ' to ' || band.highest
        END
    FROM library_track_identity_source AS held
    LEFT JOIN band ON band.method = held.method
    WHERE held.method <> 'inherited'
      AND (band.method IS NULL OR held.confidence NOT BETWEEN band.lowest AND band.highest)
) AS judged
WHERE disagreement IS NOT NULL
ORDER BY library_id, artist_name, track_title
LIMIT :sample_rows
