-- What the writer would make of these answers: each row's outcome, and its main and source rows before and after,
-- without the moment at which they were verified. Reads only.
SELECT
    answer.library_id,
    library.artist_name,
    library.album_title,
    CASE
        WHEN answer.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict'
        WHEN main.method = 'manual' THEN 'manual_override'
        WHEN answer.kind = 'single_artist' THEN 'resolved'
        ELSE answer.kind
    END AS outcome,
    CASE WHEN is_written.yes THEN (
        SELECT count(*)
        FROM jsonb_to_recordset(answer.verdict -> 'provenance') AS entry (confidence real, external_id text)
        WHERE entry.confidence IS NULL OR entry.external_id IS NULL
    ) ELSE 0 END AS source_rows_skipped_null_confidence,
    CASE WHEN main.library_id IS NOT NULL THEN to_jsonb(main) END AS main_before,
    CASE WHEN is_written.yes THEN to_jsonb(
        jsonb_populate_record(
            main,
            to_jsonb(new) || '{"notes": "consumer:lml-bulk", "agreement_sources": null}'
        )
    ) END AS main_after,
    held.rows AS sources_before,
    CASE WHEN is_written.yes THEN coalesce(held.others, '{}') || coalesce(reported.rows, '{}') || coalesce(held.manual, '{}')
    END AS sources_after
FROM jsonb_to_recordset(CAST(:answers AS jsonb))
    AS answer (library_id integer, kind text, rejected_reason text, verdict jsonb)
JOIN library ON library.id = answer.library_id
LEFT JOIN library_identity AS main ON main.library_id = answer.library_id
CROSS JOIN LATERAL (
    SELECT answer.kind = 'single_artist' AND answer.rejected_reason IS NULL AND main.method IS DISTINCT FROM 'manual'
) AS is_written (yes)
LEFT JOIN LATERAL lml_main_row(answer.verdict) AS new ON is_written.yes
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(
        entry.source,
        jsonb_build_object(
            'external_id', entry.external_id, 'method', entry.method, 'confidence', entry.confidence,
            'boost_sources', NULL, 'notes', 'consumer:lml-bulk'
        )
    ) AS rows
    FROM lml_source_rows(answer.verdict) AS entry
) AS reported ON is_written.yes
LEFT JOIN LATERAL (
    SELECT
        jsonb_object_agg(row.source, row.value) AS rows,
        jsonb_object_agg(row.source, row.value) FILTER (WHERE row.method = 'manual') AS manual,
        jsonb_object_agg(row.source, row.value) FILTER (WHERE row.notes IS DISTINCT FROM 'consumer:lml-bulk') AS others
    FROM (
        SELECT source, method, notes, to_jsonb(evidence) - '{library_id, source, last_verified_at}'::text[] AS value
        FROM library_identity_source AS evidence
        WHERE evidence.library_id = answer.library_id
    ) AS row
) AS held ON true
ORDER BY answer.library_id
