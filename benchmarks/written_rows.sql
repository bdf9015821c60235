-- What stands in the identity tables: the number of rows of each, and a sum of hashes that does not depend on their order.
-- Times, run ids, counters and compilations are left out. Programs that write the same rows give the same result.
SELECT
    (
        SELECT ROW(count(*), sum(hashtextextended(CAST(ROW(
            library_id, wikidata_qid, spotify_id, apple_music_id, method, confidence, notes,
            discogs_artist_id, musicbrainz_artist_id, bandcamp_id
        ) AS text), 0)))
        FROM library_identity
    ) AS main_rows,
    (
        SELECT ROW(count(*), sum(hashtextextended(CAST(ROW(
            library_id, source, external_id, method, confidence, notes
        ) AS text), 0)))
        FROM library_identity_source
    ) AS source_rows,
    (
        SELECT ROW(count(*), sum(hashtextextended(CAST(ROW(library_id, kind) AS text), 0)))
        FROM library_unresolved
        WHERE kind = 'unresolved'
    ) AS sidecar_rows
