-- The main rows of this chunk as the legs make them, and a copy in history of each that is replaced or removed.
-- What is touched is remembered as it stood, under :run_id where that is not null.
WITH main AS MATERIALIZED (
    SELECT *
    FROM leg_main(CAST(:library_ids AS integer[]), CAST(:pending_leg AS text), CAST(:pending AS jsonb))
),
kept AS (
    INSERT INTO library_identity_history (
        discogs_artist_id, musicbrainz_artist_id, bandcamp_id, -- artist ids
        library_id, discogs_master_id, discogs_release_id, musicbrainz_release_group_mbid,
        musicbrainz_release_mbid, musicbrainz_recording_mbid, wikidata_qid, spotify_id, apple_music_id,
        last_verified_at, method, confidence, agreement_sources, notes, superseded_reason
    )
    SELECT
        old.discogs_artist_id, old.musicbrainz_artist_id, old.bandcamp_id, -- artist ids
        old.library_id, old.discogs_master_id, old.discogs_release_id, old.musicbrainz_release_group_mbid,
        old.musicbrainz_release_mbid, old.musicbrainz_recording_mbid, old.wikidata_qid, old.spotify_id,
        old.apple_music_id, old.last_verified_at, old.method, old.confidence, old.agreement_sources, old.notes,
        :reason
    FROM library_identity AS old
    JOIN main ON main.library_id = old.library_id
    WHERE main.is_changed
    ORDER BY old.library_id
    RETURNING library_id
),
inserted AS (
    INSERT INTO library_identity (
        library_id, discogs_master_id, discogs_release_id, last_verified_at, method, confidence,
        agreement_sources, notes
    )
    SELECT
        library_id, discogs_master_id, discogs_release_id, last_verified_at, method, confidence,
        agreement_sources, notes
    FROM main
    WHERE NOT existed AND stands
    ORDER BY library_id
    ON CONFLICT (library_id) DO NOTHING
    RETURNING library_id
),
updated AS (
    UPDATE library_identity AS old
    SET
        discogs_master_id = main.discogs_master_id,
        discogs_release_id = main.discogs_release_id,
        last_verified_at = main.last_verified_at,
        method = main.method,
        confidence = main.confidence,
        agreement_sources = main.agreement_sources,
        notes = main.notes
    FROM main
    WHERE main.library_id = old.library_id
      AND main.existed
      AND main.stands
      AND (main.is_changed OR main.is_verified_anew)
    RETURNING old.library_id
),
removed AS (
    DELETE FROM library_identity AS old
    USING main
    WHERE main.library_id = old.library_id AND main.existed AND NOT main.stands
    RETURNING old.library_id
),
forgotten AS (
    DELETE FROM leg_filled AS filled
    USING main
    WHERE main.library_id = filled.library_id
      AND main.filled_master_id IS NULL
      AND main.filled_release_id IS NULL
),
remembered AS (
    INSERT INTO leg_filled AS filled (library_id, discogs_master_id, discogs_release_id, pinned_manual)
    SELECT library_id, filled_master_id, filled_release_id, method = 'manual'
    FROM main
    WHERE filled_master_id IS NOT NULL OR filled_release_id IS NOT NULL
    ORDER BY library_id
    ON CONFLICT (library_id) DO UPDATE SET
        discogs_master_id = excluded.discogs_master_id,
        discogs_release_id = excluded.discogs_release_id,
        pinned_manual = excluded.pinned_manual
    WHERE (filled.discogs_master_id, filled.discogs_release_id, filled.pinned_manual)
        IS DISTINCT FROM (excluded.discogs_master_id, excluded.discogs_release_id, excluded.pinned_manual)
),
journal AS (
    INSERT INTO library_write AS earlier (
        library_id, run_id, written_at, xids, main_before, sources_before, attempt_before, filled_before
    )
    SELECT library_id, :run_id, now(), xids, main_before, sources_before, attempt_before, filled_before
    FROM library_as_it_stands(ARRAY(
        SELECT library_id FROM inserted
        UNION SELECT library_id FROM updated
        UNION SELECT library_id FROM removed
    ))
    WHERE CAST(:run_id AS text) IS NOT NULL
    ON CONFLICT (library_id, run_id) DO UPDATE SET
        written_at = excluded.written_at,
        xids = earlier.xids || excluded.xids
    WHERE NOT earlier.xids @> excluded.xids
)
SELECT
    (SELECT count(*) FROM inserted) + (SELECT count(*) FROM updated) AS written,
    (SELECT count(*) FROM removed) AS removed,
    (SELECT count(*) FROM kept) AS history
