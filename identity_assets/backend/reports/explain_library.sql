-- One library row as Backend holds it, and the two signs of a V/A release.
SELECT
    library.artist_name,
    library.album_title,
    library.legacy_release_id,
    library.artist_id,
    artists.artist_name AS artist_on_file,
    library.canonical_entity_id,
    library.canonical_entity_confidence,
    library.canonical_entity_resolved_at,
    library.code_volume_letters,
    coalesce(library.code_volume_letters LIKE 'Z%', false) AS has_va_letters,
    (
        SELECT count(*) FROM compilation_track_artist AS credit WHERE credit.library_id = library.id
    ) AS track_credits
FROM library
LEFT JOIN artists ON artists.id = library.artist_id
WHERE library.id = :library_id
