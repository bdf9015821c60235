-- Main rows written from LML's answers that have no source row, or that have another id than the source row of the
-- same answer.
--
-- Main rows and source rows that a person decided are not judged. A source row that a person rejected is not missing.
SELECT
    library_id,
    string_agg(disagreement, '; ' ORDER BY disagreement) AS disagreement,
    count(*) OVER () AS offending
FROM (
    SELECT
        main.library_id,
        CASE
            WHEN evidence.library_id IS NULL
                AND EXISTS (
                    SELECT FROM correction WHERE correction.library_id = main.library_id AND correction.source IS NOT NULL
                )
            THEN NULL
            WHEN evidence.library_id IS NULL
            THEN 'no source row'
            WHEN evidence.method = 'manual' OR evidence.notes IS DISTINCT FROM 'consumer:lml-bulk'
            THEN NULL
            WHEN evidence.source = 'wikidata' AND main.wikidata_qid <> evidence.external_id
            THEN 'wikidata_qid differs from its source row: ' || main.wikidata_qid || ', ' || evidence.external_id
            WHEN evidence.source = 'spotify' AND main.spotify_id <> evidence.external_id
            THEN 'spotify_id differs from its source row: ' || main.spotify_id || ', ' || evidence.external_id
            WHEN evidence.source = 'apple_music' AND main.apple_music_id <> evidence.external_id
            THEN 'apple_music_id differs from its source row: ' || main.apple_music_id || ', ' || evidence.external_id
        END AS disagreement
    FROM library_identity AS main
    LEFT JOIN library_identity_source AS evidence ON evidence.library_id = main.library_id
    WHERE main.notes = 'consumer:lml-bulk'
      AND main.method <> 'manual'
) AS judged
WHERE disagreement IS NOT NULL
GROUP BY library_id
ORDER BY library_id
LIMIT :sample_rows
