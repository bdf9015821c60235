-- What a run changed in the identity of the library rows of one range. It shows the main row, the source
-- rows and the links of track credits that the run wrote, before and after. The moment of verification is left out.
--
-- The state before comes from the journal: the first write of the run that changed the row. The state after is what
-- the next run in the journal keeps as its state before. If no later run wrote the row, it is the present row.
-- is_known is false if the present row is not as the run left it and no run in the journal has written it since. Then
-- somebody else has changed it.
-- outcome is that of LML's answer. What the run did to the unresolved attempt tells it. It is null if the run wrote no
-- answer to the row.
WITH page AS MATERIALIZED (
    SELECT DISTINCT entry.library_id
    FROM journal_entry AS entry
    WHERE entry.run_id = :run_id
      AND entry.before <> 'same'
      AND entry.first_library_id <= :last_id
      AND entry.last_library_id >= :first_id
      AND entry.library_id BETWEEN :first_id AND :last_id
),
entry AS MATERIALIZED (
    SELECT entry.*, entry.run_id = :run_id AS is_own, image.image
    FROM journal_entry AS entry
    LEFT JOIN journal_image AS image
        ON image.chunk_id = entry.chunk_id
       AND image.library_id = entry.library_id
       AND image.key = entry.key
       AND image.chunk_id = ANY (ARRAY(
           SELECT chunk.chunk_id
           FROM journal_chunk AS chunk
           WHERE chunk.first_library_id <= :last_id AND chunk.last_library_id >= :first_id
       ))
    WHERE entry.first_library_id <= :last_id
      AND entry.last_library_id >= :first_id
      AND entry.library_id IN (SELECT page.library_id FROM page)
      AND entry.before <> 'same'
      AND entry.chunk_id >= (SELECT min(chunk.chunk_id) FROM journal_chunk AS chunk WHERE chunk.run_id = :run_id)
),
last AS (
    SELECT library_id, max(chunk_id) AS chunk_id
    FROM entry
    WHERE is_own
    GROUP BY library_id
),
own AS (
    SELECT DISTINCT ON (table_name, library_id, key)
        table_name, library_id, key, before,
        first_value(image) OVER (
            PARTITION BY table_name, library_id, key ORDER BY image IS NULL, chunk_id
        ) AS image,
        first_value(row_hash) OVER (PARTITION BY table_name, library_id, key ORDER BY chunk_id DESC) AS row_hash
    FROM entry
    WHERE is_own
    ORDER BY table_name, library_id, key, chunk_id
),
later AS (
    SELECT DISTINCT ON (entry.table_name, entry.library_id, entry.key)
        entry.table_name, entry.library_id, entry.key, entry.before, entry.image
    FROM entry
    JOIN last ON last.library_id = entry.library_id
    WHERE NOT entry.is_own AND entry.chunk_id > last.chunk_id
    -- A write that changed only the moment says nothing about the values, so it comes last.
    ORDER BY entry.table_name, entry.library_id, entry.key, entry.before = 'time', entry.chunk_id
),
standing AS (
    SELECT
        'library_identity' AS table_name, held.library_id, '' AS key, to_jsonb(held.main) AS image,
        hash_record_extended(held.main, 0) AS row_hash
    FROM (
        SELECT main.library_id, jsonb_populate_record(CAST(NULL AS main_row), to_jsonb(main)) AS main
        FROM library_identity AS main
        WHERE main.library_id BETWEEN :first_id AND :last_id AND main.library_id IN (SELECT page.library_id FROM page)
    ) AS held
    UNION ALL
    SELECT
        'library_identity_source', held.library_id, held.source,
        to_jsonb(jsonb_populate_record(CAST(NULL AS source_row), to_jsonb(held))),
        source_row_hash(
            held.library_id, held.source, held.external_id, held.method, held.confidence, held.last_verified_at,
            held.boost_sources, held.notes
        )
    FROM library_identity_source AS held
    WHERE held.library_id BETWEEN :first_id AND :last_id AND held.library_id IN (SELECT page.library_id FROM page)
    UNION ALL
    SELECT
        'compilation_track_artist', linked.library_id, CAST((linked.link).id AS text), to_jsonb(linked.link),
        hash_record_extended(linked.link, 0)
    FROM (
        SELECT
            credit.library_id,
            CAST(ROW (
                credit.id, credit.track_artist_id, credit.track_artist_link_confidence,
                credit.track_artist_link_method, credit.track_position
            ) AS credit_link) AS link
        FROM compilation_track_artist AS credit
        WHERE credit.library_id BETWEEN :first_id AND :last_id
          AND credit.library_id IN (SELECT page.library_id FROM page)
    ) AS linked
    UNION ALL
    SELECT
        'library_unresolved', attempt.library_id, '', to_jsonb(attempt), hash_record_extended(attempt, 0)
    FROM library_unresolved AS attempt
    WHERE attempt.library_id BETWEEN :first_id AND :last_id
      AND attempt.library_id IN (SELECT page.library_id FROM page)
),
compared AS (
    SELECT
        row.table_name,
        row.library_id,
        row.key,
        CASE
            WHEN own.before = 'absent' THEN NULL
            ELSE coalesce(own.image, after.image)
        END AS before,
        after.image AS after,
        own.library_id IS NULL
            OR later.library_id IS NOT NULL
            OR own.row_hash IS NOT DISTINCT FROM standing.row_hash AS is_known,
        own.library_id IS NOT NULL AS is_written,
        own.row_hash IS NULL AS is_removed
    FROM (
        SELECT 'library_identity' AS table_name, page.library_id, '' AS key
        FROM page
        UNION
        SELECT own.table_name, own.library_id, own.key
        FROM own
        WHERE own.table_name IN (
            'library_identity', 'library_identity_source', 'compilation_track_artist', 'library_unresolved'
        )
        -- Credits that the run left alone: whether the compilation had links before.
        UNION
        SELECT credit.table_name, credit.library_id, credit.key
        FROM (SELECT table_name, library_id, key FROM standing UNION ALL SELECT table_name, library_id, key FROM later)
            AS credit
        WHERE credit.table_name = 'compilation_track_artist'
    ) AS row
    LEFT JOIN own ON own.table_name = row.table_name AND own.library_id = row.library_id AND own.key = row.key
    LEFT JOIN later
        ON later.table_name = row.table_name AND later.library_id = row.library_id AND later.key = row.key
    LEFT JOIN standing
        ON standing.table_name = row.table_name AND standing.library_id = row.library_id AND standing.key = row.key
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN later.before IN ('image', 'absent') THEN later.image
            ELSE standing.image
        END AS image
    ) AS after
),
-- MATERIALIZED, because the planner expects one row of each and would aggregate again for each row of the page.
main AS MATERIALIZED (
    SELECT library_id, before, after, is_known, is_written
    FROM compared
    WHERE table_name = 'library_identity'
),
attempt AS MATERIALIZED (
    SELECT library_id, after, is_removed
    FROM compared
    WHERE table_name = 'library_unresolved'
),
sources AS MATERIALIZED (
    SELECT
        library_id,
        jsonb_object_agg(key, before - 'source') FILTER (WHERE before IS NOT NULL) AS before,
        jsonb_object_agg(key, after - 'source') FILTER (WHERE after IS NOT NULL) AS after,
        bool_and(is_known) AS is_known
    FROM compared
    WHERE table_name = 'library_identity_source'
    GROUP BY library_id
),
tracks AS MATERIALIZED (
    SELECT
        compared.library_id,
        jsonb_object_agg(
            credit.artist_name || coalesce(' - ' || credit.track_title, ''),
            jsonb_build_array(compared.before, compared.after)
        ) FILTER (WHERE compared.before IS DISTINCT FROM compared.after) AS changed,
        count(*) FILTER (WHERE compared.before ->> 'track_artist_link_method' = 'lml_backfill') AS linked_before,
        bool_and(compared.is_known) AS is_known
    FROM compared
    JOIN compilation_track_artist AS credit
        ON credit.library_id = compared.library_id
       AND credit.library_id BETWEEN :first_id AND :last_id
       AND CAST(credit.id AS text) = compared.key
    WHERE compared.table_name = 'compilation_track_artist'
    GROUP BY compared.library_id
)
SELECT
    page.library_id,
    library.artist_name,
    library.album_title,
    main.before AS main_before,
    main.after AS main_after,
    sources.before AS sources_before,
    sources.after AS sources_after,
    tracks.changed AS tracks_changed,
    coalesce(tracks.linked_before, 0) AS tracks_linked_before,
    main.is_known AND coalesce(sources.is_known, true) AND coalesce(tracks.is_known, true) AS is_known,
    CASE
        WHEN NOT attempt.is_removed THEN coalesce(attempt.after ->> 'kind', 'unresolved')
        WHEN main.is_written AND main.after ->> 'notes' = 'consumer:lml-bulk' THEN 'resolved'
        WHEN attempt.is_removed THEN 'resolved_compilation'
    END AS outcome
FROM page
JOIN main ON main.library_id = page.library_id
LEFT JOIN library ON library.id = page.library_id AND library.id BETWEEN :first_id AND :last_id
LEFT JOIN sources ON sources.library_id = page.library_id
LEFT JOIN tracks ON tracks.library_id = page.library_id
LEFT JOIN attempt ON attempt.library_id = page.library_id
ORDER BY page.library_id
