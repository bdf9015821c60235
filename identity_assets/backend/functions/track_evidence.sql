-- The rows of library_track_identity_source that track entries make. If a source is reported twice for one track, the
-- entry with the higher confidence makes the row. An entry whose names are too long for a track credit makes no row.
CREATE FUNCTION identity_assets.track_evidence(entries identity_assets.track_entry[])
RETURNS TABLE (
    library_id integer, artist_name text, track_title text, source text, external_id text, method text, confidence real
)
LANGUAGE sql STABLE
ROWS 10000
AS $$
    SELECT DISTINCT ON (entry.library_id, entry.artist_name, entry.track_title, found.source)
        entry.library_id,
        entry.artist_name,
        entry.track_title,
        found.source,
        found.external_id,
        found.method,
        found.confidence
    FROM unnest(entries) AS entry
    CROSS JOIN LATERAL jsonb_to_recordset(entry.sources)
        AS found (source text, external_id text, method text, confidence real)
    WHERE found.confidence IS NOT NULL
      AND found.external_id IS NOT NULL
      AND char_length(entry.artist_name) <= 255
      AND (entry.track_title IS NULL OR char_length(entry.track_title) <= 255)
    ORDER BY
        entry.library_id, entry.artist_name, entry.track_title, found.source, found.confidence DESC, found.external_id
$$;

COMMENT ON FUNCTION identity_assets.track_evidence IS
'The rows of library_track_identity_source that these track entries make';
