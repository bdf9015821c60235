-- What resolved compilations do to the track credits of their releases (`fate`). This rule is nowhere else.
--
-- The function returns one row for each credit key (artist name and title) that an answer lists, and one for each
-- link of this project that no answer lists any more. `new` is the credit after the change. A credit whose entries
-- were all set aside is not returned.
-- written, unchanged    the credit is linked to the one artist of the station with the resolved name
-- librarian             a person set the link: nothing changes
-- no_credit             the release has no such credit
-- unresolved            LML's matcher could not identify the artist
-- no_catalogue_artist   no artist has the resolved name: there is no link
-- ambiguous_artist      several artists have the resolved name: there is no link
-- removed               this project made the link, and the answer does not list it any more
--
-- An empty position is filled if the answer offers exactly one distinct position (`positions`) and it fits into the
-- column.
CREATE FUNCTION identity_assets.track_links(library_ids integer[], entries identity_assets.track_entry[])
RETURNS TABLE (
    library_id integer, artist_name text, track_title text, fate text, positions bigint,
    old identity_assets.credit_link, new identity_assets.credit_link
)
LANGUAGE sql STABLE
ROWS 10000
SET enable_nestloop = off
AS $$
    WITH entry AS MATERIALIZED (
        SELECT * FROM unnest(entries)
    ),
    artist AS MATERIALIZED (
        SELECT *
        FROM station_artist(ARRAY(
            SELECT DISTINCT entry.resolved_artist_name FROM entry WHERE entry.resolved_artist_name IS NOT NULL
        ))
    ),
    listed AS MATERIALIZED (
        SELECT
            entry.library_id,
            entry.artist_name,
            entry.track_title,
            bool_and(entry.is_set_aside) AS is_set_aside,
            bool_or(entry.resolved_artist_name IS NOT NULL) AS is_resolved,
            coalesce(max(artist.artists), 0) AS most_artists,
            count(DISTINCT artist.artist_id) AS artists,
            min(artist.artist_id) AS artist_id,
            max(entry.confidence) FILTER (WHERE artist.artist_id IS NOT NULL) AS confidence,
            count(DISTINCT entry.track_position) FILTER (WHERE entry.track_position ~ '\S') AS positions,
            min(entry.track_position) FILTER (WHERE entry.track_position ~ '\S') AS position
        FROM entry
        LEFT JOIN artist ON artist.name = entry.resolved_artist_name
        WHERE entry.artist_name IS NOT NULL
        GROUP BY entry.library_id, entry.artist_name, entry.track_title
    ),
    credit AS MATERIALIZED (
        SELECT
            credit.library_id,
            CAST(credit.artist_name AS text) AS artist_name,
            CAST(credit.track_title AS text) AS track_title,
            CAST(ROW (
                credit.id, credit.track_artist_id, credit.track_artist_link_confidence,
                credit.track_artist_link_method, credit.track_position
            ) AS identity_assets.credit_link) AS old
        FROM compilation_track_artist AS credit
        WHERE credit.library_id = ANY (library_ids)
    ),
    judged AS MATERIALIZED (
        SELECT
            coalesce(listed.library_id, credit.library_id) AS library_id,
            coalesce(listed.artist_name, credit.artist_name) AS artist_name,
            coalesce(listed.track_title, credit.track_title) AS track_title,
            credit.old,
            listed.artist_id,
            listed.confidence,
            coalesce(listed.positions, 0) AS positions,
            CASE WHEN listed.positions = 1 AND char_length(listed.position) <= 20 THEN listed.position END AS position,
            CASE
                WHEN listed.library_id IS NULL THEN 'removed'
                WHEN (credit.old).id IS NULL THEN 'no_credit'
                WHEN (credit.old).track_artist_link_method = 'librarian' THEN 'librarian'
                WHEN NOT listed.is_resolved THEN 'unresolved'
                WHEN listed.most_artists > 1 OR listed.artists > 1 THEN 'ambiguous_artist'
                WHEN listed.artists = 0 THEN 'no_catalogue_artist'
                WHEN (
                    (credit.old).track_artist_id, (credit.old).track_artist_link_confidence,
                    (credit.old).track_artist_link_method
                ) IS NOT DISTINCT FROM (listed.artist_id, listed.confidence, 'lml_backfill')
                THEN 'unchanged'
                ELSE 'written'
            END AS fate
        FROM listed
        -- Two null titles are the same title, in a form that can be hashed.
        FULL JOIN credit
            ON credit.library_id = listed.library_id
           AND credit.artist_name = listed.artist_name
           AND coalesce(credit.track_title, '') = coalesce(listed.track_title, '')
           AND (credit.track_title IS NULL) = (listed.track_title IS NULL)
        WHERE NOT coalesce(listed.is_set_aside, false)
          AND (listed.library_id IS NOT NULL OR (credit.old).track_artist_link_method = 'lml_backfill')
    )
    SELECT
        library_id,
        artist_name,
        track_title,
        fate,
        positions,
        old,
        CASE
            WHEN fate IN ('no_credit', 'librarian') THEN old
            WHEN fate IN ('written', 'unchanged') THEN CAST(ROW (
                (old).id, artist_id, confidence, 'lml_backfill', coalesce((old).track_position, position)
            ) AS identity_assets.credit_link)
            WHEN (old).track_artist_link_method = 'lml_backfill' THEN CAST(ROW (
                (old).id, NULL, NULL, NULL, coalesce((old).track_position, position)
            ) AS identity_assets.credit_link)
            ELSE CAST(ROW (
                (old).id, (old).track_artist_id, (old).track_artist_link_confidence, (old).track_artist_link_method,
                coalesce((old).track_position, position)
            ) AS identity_assets.credit_link)
        END
    FROM judged
$$;

COMMENT ON FUNCTION identity_assets.track_links IS
'What these track entries do to the track credits of these library rows: each credit before and after, and why';
