-- Each decision of a person as a line of the CSV file that `correct --csv` reads. The file carries decisions into a
-- restored or copied catalogue. A manual main row that was written by hand is also a decision: `correct`.
--
-- This is a function because a view would keep Backend from changing the columns of library.
CREATE FUNCTION identity_assets.decision_line()
RETURNS TABLE (
    library_id integer, artist_name text, album_title text, decision text, source text, wikidata text, spotify text,
    apple_music text, discogs_artist text, musicbrainz_artist text, bandcamp text, discogs_release text,
    discogs_master text, by text, note text
)
LANGUAGE sql STABLE
AS $$
    SELECT
        made.library_id,
        CAST(library.artist_name AS text),
        CAST(library.album_title AS text),
        made.decision,
        made.source,
        made.ids ->> 'wikidata',
        made.ids ->> 'spotify',
        made.ids ->> 'apple_music',
        made.ids ->> 'discogs',
        made.ids ->> 'musicbrainz',
        made.ids ->> 'bandcamp',
        made.ids ->> 'discogs_release',
        made.ids ->> 'discogs_master',
        made.made_by,
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
    WHERE made.decision <> 'correct' OR made.ids <> '{}'
$$;

COMMENT ON FUNCTION identity_assets.decision_line IS
'Each decision of a person in the columns of the CSV that `identity-assets correct --csv` reads';
