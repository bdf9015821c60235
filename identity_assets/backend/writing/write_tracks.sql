-- Writes the tracks of the staged resolved compilations: the links of the track credits, the evidence, and the
-- journal. Each list of tracks is read once. Counts by partition.
--
-- Evidence that LML does not give any more is removed. Evidence for a track whose entry was set aside stays. Evidence
-- of people and of other writers stays too.
WITH resolved AS MATERIALIZED (
    SELECT library_id, bucket, asked_at, tracks, tracks_set_aside
    FROM staged
    WHERE fate = 'resolved_compilation'
),
given AS MATERIALIZED (
    SELECT
        array_agg(library_id ORDER BY library_id) AS library_ids,
        array_agg(tracks ORDER BY library_id) AS tracks,
        array_agg(tracks_set_aside ORDER BY library_id) AS set_asides
    FROM resolved
),
entry AS MATERIALIZED (
    SELECT entry
    FROM given
    CROSS JOIN LATERAL track_entries(given.library_ids, given.tracks, given.set_asides) AS entry
),
entries AS MATERIALIZED (
    SELECT coalesce(array_agg(entry), '{}') AS all_of_them
    FROM entry
),
link AS MATERIALIZED (
    SELECT link.*, link.old IS DISTINCT FROM link.new AS is_changed
    FROM given
    CROSS JOIN entries
    CROSS JOIN LATERAL track_links(given.library_ids, entries.all_of_them) AS link
),
updated AS MATERIALIZED (
    SELECT *
    FROM update_credits(
        (SELECT array_agg(old ORDER BY (old).id) FROM link WHERE is_changed),
        (SELECT array_agg(new ORDER BY (old).id) FROM link WHERE is_changed)
    )
),
credit AS MATERIALIZED (
    SELECT link.library_id, CAST(updated.id AS text) AS key, updated.row_hash, link.old
    FROM updated
    JOIN link ON (link.old).id = updated.id
),
credit_chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'compilation_track_artist', min(library_id), max(library_id), array_agg(library_id), array_agg(key),
        array_agg(CAST('image' AS text)), array_agg(CAST(NULL AS timestamptz)), array_agg(row_hash)
    FROM credit
    HAVING count(*) > 0
    RETURNING chunk_id
),
credit_images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT credit_chunk.chunk_id, credit.library_id, credit.key, to_jsonb(credit.old)
    FROM credit
    CROSS JOIN credit_chunk
),
standing AS MATERIALIZED (
    SELECT
        held AS old, resolved.bucket,
        track_source_key(held.artist_name, held.track_title, held.source) AS key
    FROM library_track_identity_source AS held
    JOIN resolved ON resolved.library_id = held.library_id
    WHERE held.library_id BETWEEN :first_id AND :last_id
),
evidence AS MATERIALIZED (
    SELECT
        evidence.*, resolved.asked_at,
        track_source_key(evidence.artist_name, evidence.track_title, evidence.source) AS key
    FROM entries
    CROSS JOIN LATERAL track_evidence(entries.all_of_them) AS evidence
    JOIN resolved ON resolved.library_id = evidence.library_id
),
lost AS MATERIALIZED (
    SELECT standing.old, standing.key, standing.bucket
    FROM standing
    LEFT JOIN evidence ON evidence.library_id = (standing.old).library_id AND evidence.key = standing.key
    LEFT JOIN (
        SELECT DISTINCT (entry).library_id, (entry).artist_name, (entry).track_title
        FROM entry
        WHERE (entry).is_set_aside
    ) AS aside
        ON aside.library_id = (standing.old).library_id
       AND aside.artist_name = (standing.old).artist_name
       AND coalesce(aside.track_title, '') = coalesce((standing.old).track_title, '')
       AND (aside.track_title IS NULL) = ((standing.old).track_title IS NULL)
    WHERE evidence.library_id IS NULL
      AND aside.library_id IS NULL
      AND (standing.old).method <> 'manual'
      AND (standing.old).notes = 'consumer:lml-bulk'
),
removed AS (
    DELETE FROM library_track_identity_source AS held
    USING lost
    WHERE held.library_id = (lost.old).library_id
      AND held.artist_name = (lost.old).artist_name
      AND coalesce(held.track_title, '') = coalesce((lost.old).track_title, '')
      AND (held.track_title IS NULL) = ((lost.old).track_title IS NULL)
      AND held.source = (lost.old).source
      AND held.library_id BETWEEN :first_id AND :last_id
    RETURNING lost.old, lost.key
),
stored AS (
    INSERT INTO library_track_identity_source AS held (
        library_id, artist_name, track_title, source, external_id, method, confidence, last_verified_at, notes
    )
    SELECT
        library_id, artist_name, track_title, source, external_id, method, confidence, asked_at, 'consumer:lml-bulk'
    FROM evidence
    ORDER BY library_id, artist_name, track_title, source
    ON CONFLICT (library_id, artist_name, coalesce(track_title, ''), (track_title IS NULL), source) DO UPDATE SET
        external_id = excluded.external_id,
        method = excluded.method,
        confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at,
        notes = excluded.notes
    WHERE held.method <> 'manual'
      AND (held.external_id, held.method, held.confidence, held.last_verified_at, held.notes)
          IS DISTINCT FROM (
              excluded.external_id, excluded.method, excluded.confidence, excluded.last_verified_at, excluded.notes
          )
    RETURNING
        held.library_id, held.external_id, held.method, held.confidence, held.notes,
        track_source_key(held.artist_name, held.track_title, held.source) AS key,
        track_source_hash(held.external_id, held.method, held.confidence, held.last_verified_at, held.notes) AS row_hash
),
touched AS MATERIALIZED (
    SELECT
        stored.library_id,
        stored.key,
        stored.row_hash,
        standing.old,
        CASE
            WHEN standing.key IS NULL THEN 'absent'
            WHEN (
                (standing.old).external_id, (standing.old).method, (standing.old).confidence, (standing.old).notes
            ) IS NOT DISTINCT FROM (stored.external_id, stored.method, stored.confidence, stored.notes)
            THEN 'time'
            ELSE 'image'
        END AS before
    FROM stored
    LEFT JOIN standing ON (standing.old).library_id = stored.library_id AND standing.key = stored.key
    UNION ALL
    SELECT (removed.old).library_id, removed.key, NULL, removed.old, 'image'
    FROM removed
),
evidence_chunk AS (
    INSERT INTO journal_chunk (
        run_id, table_name, first_library_id, last_library_id, library_ids, keys, befores, times_before, row_hashes
    )
    SELECT
        :run_id, 'library_track_identity_source', min(library_id), max(library_id),
        array_agg(library_id), array_agg(key), array_agg(before),
        array_agg(CASE before WHEN 'time' THEN (old).last_verified_at END), array_agg(row_hash)
    FROM touched
    HAVING count(*) > 0
    RETURNING chunk_id
),
evidence_images AS (
    INSERT INTO journal_image (chunk_id, library_id, key, image)
    SELECT evidence_chunk.chunk_id, touched.library_id, touched.key, to_jsonb(touched.old)
    FROM touched
    CROSS JOIN evidence_chunk
    WHERE touched.before = 'image'
),
credited AS MATERIALIZED (
    SELECT
        link.library_id % :partitions AS bucket,
        -- If a credit was not updated, somebody else changed it at the same moment.
        CASE WHEN link.fate = 'written' AND updated.id IS NULL THEN 'librarian' ELSE link.fate END AS fate,
        updated.id IS NOT NULL
            AND (link.old).track_artist_link_method IS NOT DISTINCT FROM 'lml_backfill'
            AND (link.new).track_artist_link_method IS NULL
            AS is_removed,
        updated.id IS NOT NULL AND (link.old).track_position IS NULL AND (link.new).track_position IS NOT NULL
            AS has_new_position,
        link.fate NOT IN ('no_credit', 'librarian') AND (link.old).track_position IS NULL AND link.positions > 1
            AS has_many_positions
    FROM link
    LEFT JOIN updated ON updated.id = (link.old).id
),
counted AS (
    SELECT bucket, fate AS name, count(*) AS rows FROM credited GROUP BY 1, 2
    UNION ALL
    SELECT bucket, 'link_removed', count(*) FROM credited WHERE is_removed GROUP BY 1
    UNION ALL
    SELECT bucket, 'position', count(*) FROM credited WHERE has_new_position GROUP BY 1
    UNION ALL
    SELECT bucket, 'positions', count(*) FROM credited WHERE has_many_positions GROUP BY 1
    UNION ALL
    SELECT (entry).library_id % :partitions, 'invalid', count(*) FROM entry WHERE (entry).is_set_aside GROUP BY 1
    UNION ALL
    SELECT library_id % :partitions, 'source', count(*) FROM stored GROUP BY 1
    UNION ALL
    SELECT (old).library_id % :partitions, 'source_removed', count(*) FROM removed GROUP BY 1
)
SELECT
    bucket,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'written'), 0) AS bigint) AS track_rows_written,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'unchanged'), 0) AS bigint) AS track_rows_unchanged,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'librarian'), 0) AS bigint) AS track_rows_librarian,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'no_credit'), 0) AS bigint) AS track_rows_no_credit,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'no_catalogue_artist'), 0) AS bigint)
        AS track_rows_no_catalogue_artist,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'ambiguous_artist'), 0) AS bigint) AS track_rows_ambiguous_artist,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'invalid'), 0) AS bigint) AS track_rows_invalid,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'unresolved'), 0) AS bigint) AS track_rows_unresolved,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'link_removed'), 0) AS bigint) AS track_links_removed,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'position'), 0) AS bigint) AS positions_written,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'positions'), 0) AS bigint) AS positions_ambiguous,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'source'), 0) AS bigint) AS track_source_rows_written,
    CAST(coalesce(sum(rows) FILTER (WHERE name = 'source_removed'), 0) AS bigint) AS track_source_rows_removed
FROM counted
GROUP BY bucket
