-- The present state of the library rows that decisions are about, for the check of each decision. `named_ids` are the
-- ids that a rejection would reject. `rejected_ids` are those of the last rejection of each source, under '' those of the
-- identity as a whole. A library row that does not exist is left out.
SELECT
    library.id AS library_id,
    library.artist_id,
    library.artist_name,
    library.album_title,
    coalesce(main.method = 'manual', false) AS is_manual,
    main.library_id IS NOT NULL OR held.library_id IS NOT NULL AS has_identity,
    coalesce(held.ids, '{}') || main_row_ids(jsonb_populate_record(CAST(NULL AS main_row), to_jsonb(main))) AS named_ids,
    coalesce(rejected.ids, '{}') AS rejected_ids
FROM library
LEFT JOIN library_identity AS main ON main.library_id = library.id
LEFT JOIN (
    SELECT library_id, jsonb_object_agg(source, external_id) AS ids
    FROM library_identity_source
    WHERE library_id = ANY (CAST(:library_ids AS integer[]))
    GROUP BY library_id
) AS held ON held.library_id = library.id
LEFT JOIN (
    -- Of two values for one key, the later one stays.
    SELECT library_id, jsonb_object_agg(coalesce(source, ''), ids ORDER BY made_at) AS ids
    FROM correction
    WHERE decision = 'reject' AND library_id = ANY (CAST(:library_ids AS integer[]))
    GROUP BY library_id
) AS rejected ON rejected.library_id = library.id
WHERE library.id = ANY (CAST(:library_ids AS integer[]))
