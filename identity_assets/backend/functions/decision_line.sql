-- Each decision of a person as a line of the CSV that `correct --csv` reads: carried away, and brought back into a
-- restored or copied catalogue. Manual main rows that were written by hand are decisions too: `correct`.
CREATE VIEW identity_assets.decision_line AS
SELECT
    made.library_id,
    CAST(library.artist_name AS text) AS artist_name,
    CAST(library.album_title AS text) AS album_title,
    made.decision,
    made.source,
    made.ids ->> 'wikidata' AS wikidata,
    made.ids ->> 'spotify' AS spotify,
    made.ids ->> 'apple_music' AS apple_music,
    made.ids ->> 'discogs' AS discogs_artist,
    made.ids ->> 'musicbrainz' AS musicbrainz_artist,
    made.ids ->> 'bandcamp' AS bandcamp,
    made.ids ->> 'discogs_release' AS discogs_release,
    made.ids ->> 'discogs_master' AS discogs_master,
    made.made_by AS by,
    made.note
FROM (
    SELECT library_id, decision, source, ids, made_by, note
    FROM identity_assets.correction
    UNION ALL
    SELECT
        main.library_id,
        'correct',
        NULL,
        identity_assets.main_row_ids(
            jsonb_populate_record(CAST(NULL AS identity_assets.main_row), to_jsonb(main))
        ),
        regexp_replace(main.notes, '^manual:', ''),
        NULL
    FROM library_identity AS main
    WHERE main.method = 'manual'
      AND main.notes IS DISTINCT FROM 'consumer:lml-bulk'
      AND main.notes IS DISTINCT FROM 'backfill:S1'
      AND main.notes IS DISTINCT FROM 'backfill:S3'
      AND NOT EXISTS (
          SELECT
          FROM identity_assets.correction AS known
          WHERE known.library_id = main.library_id AND known.decision = 'correct'
      )
) AS made
JOIN library ON library.id = made.library_id
WHERE made.decision <> 'correct' OR made.ids <> '{}';

COMMENT ON VIEW identity_assets.decision_line IS
'Each decision of a person in the columns of the CSV that `identity-assets correct --csv` reads';
