-- Predicts what the writer would make of these answers, and writes nothing: the outcome of each, its main row and
-- source rows before and after, and the track credits that change. The moment of verification is left out. `kind` is
-- null if the whole answer is set aside.
WITH given AS MATERIALIZED (
    SELECT *
    FROM jsonb_to_recordset(CAST(:answers AS jsonb))
        AS answer (
            library_id integer, kind text, rejected_reason text, tracks_trusted boolean, verdict jsonb, set_aside jsonb
        )
),
judged AS MATERIALIZED (
    SELECT
        given.library_id,
        library.artist_name,
        library.album_title,
        given.kind,
        given.rejected_reason,
        given.verdict,
        given.set_aside,
        resolved_tracks(given.kind, given.tracks_trusted, given.verdict) AS resolved_tracks,
        CASE
            WHEN decided.refused IS NULL THEN usable.provenance
            ELSE without_refused_entries(usable.provenance, decided.refused)
        END AS provenance,
        old.main AS old_main,
        CASE
            WHEN decided.refused IS NULL THEN named.main
            ELSE without_refused_ids(named.main, decided.refused)
        END AS new_main,
        person.rejects,
        given.rejected_reason IS NULL
            AND given.kind = 'single_artist'
            AND (old.main).method IS DISTINCT FROM 'manual'
            AND NOT person.rejects AS is_written
    FROM given
    JOIN library ON library.id = given.library_id
    LEFT JOIN LATERAL (
        SELECT jsonb_populate_record(CAST(NULL AS main_row), to_jsonb(main)) AS main
        FROM library_identity AS main
        WHERE main.library_id = given.library_id
    ) AS old ON true
    LEFT JOIN decided ON decided.library_id = given.library_id
    -- Each function is called only if it has something to do, and once (OFFSET 0), as in writing/stage.sql.
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN given.kind <> 'single_artist' THEN NULL
            WHEN given.set_aside IS NULL THEN given.verdict -> 'provenance'
            ELSE usable_provenance(given.verdict, given.set_aside)
        END AS provenance
        OFFSET 0
    ) AS usable
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN given.kind = 'single_artist'
            THEN lml_main_row(given.library_id, given.verdict, (old.main).last_verified_at, old.main)
        END AS main
        OFFSET 0
    ) AS named
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN given.rejected_reason IS NULL AND given.kind = 'single_artist' AND decided.library_id IS NOT NULL
            THEN decided.is_none OR is_rejected(decided.rejected, lml_ids(given.verdict, usable.provenance))
            ELSE false
        END AS rejects
    ) AS person
),
entry AS MATERIALIZED (
    SELECT *
    FROM provenance_entry(
        (SELECT array_agg(library_id ORDER BY library_id) FROM judged WHERE is_written),
        (SELECT array_agg(provenance ORDER BY library_id) FROM judged WHERE is_written)
    )
),
reported AS MATERIALIZED (
    SELECT
        library_id,
        count(*) FILTER (WHERE NOT is_usable) AS unusable,
        jsonb_object_agg(
            source,
            jsonb_build_object(
                'external_id', external_id, 'method', method, 'confidence', confidence,
                'boost_sources', NULL, 'notes', 'consumer:lml-bulk'
            )
        ) FILTER (WHERE is_usable AND rank = 1) AS rows
    FROM entry
    GROUP BY library_id
),
compilation AS MATERIALIZED (
    SELECT library_id, verdict -> 'tracks' AS tracks, set_aside
    FROM judged
    WHERE resolved_tracks IS NOT NULL
      AND rejected_reason IS NULL
      AND (old_main).method IS DISTINCT FROM 'manual'
),
given_tracks AS MATERIALIZED (
    SELECT
        array_agg(library_id ORDER BY library_id) AS library_ids,
        array_agg(tracks ORDER BY library_id) AS tracks,
        array_agg(set_aside ORDER BY library_id) AS set_asides
    FROM compilation
),
credit AS MATERIALIZED (
    SELECT
        link.library_id,
        count(*) FILTER (WHERE (link.old).track_artist_link_method = 'lml_backfill') AS linked_before,
        jsonb_object_agg(
            link.artist_name || coalesce(' - ' || link.track_title, ''), jsonb_build_array(to_jsonb(old), to_jsonb(new))
        ) FILTER (WHERE link.old IS DISTINCT FROM link.new) AS rows
    FROM given_tracks
    CROSS JOIN LATERAL track_links(
        given_tracks.library_ids,
        (
            SELECT array_agg(entry)
            FROM track_entries(given_tracks.library_ids, given_tracks.tracks, given_tracks.set_asides) AS entry
        )
    ) AS link
    GROUP BY link.library_id
)
SELECT
    judged.library_id,
    judged.artist_name,
    judged.album_title,
    CASE WHEN judged.rejected_reason IS NULL THEN judged.kind END AS kind,
    CASE
        WHEN judged.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict'
        WHEN (judged.old_main).method = 'manual' THEN 'manual_override'
        WHEN judged.rejects THEN 'rejected_by_person'
        WHEN judged.kind = 'single_artist' THEN 'resolved'
        WHEN judged.resolved_tracks IS NOT NULL THEN 'resolved_compilation'
        ELSE judged.kind
    END AS outcome,
    coalesce(reported.unusable, 0) AS source_rows_skipped_null_confidence,
    CASE WHEN NOT judged.old_main IS NULL THEN to_jsonb(judged.old_main) END AS main_before,
    CASE WHEN judged.is_written THEN to_jsonb(judged.new_main) END AS main_after,
    coalesce(credit.linked_before, 0) AS tracks_linked_before,
    credit.rows AS tracks_changed,
    held.rows AS sources_before,
    CASE
        WHEN judged.is_written
        THEN coalesce(held.others, '{}') || coalesce(reported.rows, '{}') || coalesce(held.manual, '{}')
    END AS sources_after
FROM judged
LEFT JOIN reported ON reported.library_id = judged.library_id
LEFT JOIN credit ON credit.library_id = judged.library_id
LEFT JOIN LATERAL (
    SELECT
        jsonb_object_agg(row.source, row.value) AS rows,
        jsonb_object_agg(row.source, row.value) FILTER (WHERE row.method = 'manual') AS manual,
        jsonb_object_agg(row.source, row.value) FILTER (WHERE row.notes IS DISTINCT FROM 'consumer:lml-bulk') AS others
    FROM (
        SELECT
            source, method, notes,
            jsonb_build_object(
                'external_id', external_id, 'method', method, 'confidence', confidence,
                'boost_sources', boost_sources, 'notes', notes
            ) AS value
        FROM library_identity_source AS evidence
        WHERE evidence.library_id = judged.library_id
    ) AS row
) AS held ON true
ORDER BY judged.library_id
