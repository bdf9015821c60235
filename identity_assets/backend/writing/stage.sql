-- Stages the stored answers that are written now, in one range of library_id: the answers to open rows of the ledger,
-- or to :library_ids if it is given. Each has the present main row, the main row that the answer makes, and the fate.
--
-- Main rows are locked in library_id order. So the row that is compared is the row that is replaced.
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
WITH answered AS MATERIALIZED (
    SELECT
        answer.library_id, answer.kind, answer.verdict, answer.set_aside, answer.artist_name, answer.album_title,
        answer.asked_at, answer.run_id, answer.resolved_tracks
    FROM answers_between(:first_id, :last_id) AS answer
    LEFT JOIN candidate_library AS candidate
        ON candidate.library_id = answer.library_id
       AND candidate.library_id BETWEEN :first_id AND :last_id
       AND candidate.answers_since <= answer.asked_at
       AND (candidate.outcome IS NULL OR candidate.outcome = 'writer_error')
    WHERE answer.library_id % :partitions = ANY (:buckets)
      AND answer.rejected_reason IS NULL
      AND answer.held_at IS NULL
      AND answer.dropped_at IS NULL
      AND NOT answer.lacks_tracks
      AND CASE
          WHEN CAST(:library_ids AS integer[]) IS NULL THEN candidate.library_id IS NOT NULL
          ELSE answer.library_id = ANY (CAST(:library_ids AS integer[]))
      END
),
standing AS MATERIALIZED (
    SELECT main
    FROM standing_main_rows(:first_id, :last_id, ARRAY(SELECT answered.library_id FROM answered)) AS main
)
SELECT
    answered.library_id,
    answered.library_id % :partitions AS bucket,
    answered.kind,
    answered.asked_at,
    answered.run_id,
    standing.main AS old_main,
    made.main AS new_main,
    CASE
        WHEN decided.refused IS NULL THEN usable.provenance
        ELSE without_refused_entries(usable.provenance, decided.refused)
    END AS provenance,
    CASE WHEN answered.resolved_tracks IS NOT NULL THEN answered.verdict -> 'tracks' END AS tracks,
    CASE WHEN answered.resolved_tracks IS NOT NULL THEN answered.set_aside END AS tracks_set_aside,
    fate(
        answered.kind,
        answered.resolved_tracks,
        library.id IS NOT NULL,
        has_same_names(answered.artist_name, answered.album_title, library.artist_name, library.album_title),
        standing.main,
        made.main,
        CASE
            WHEN answered.kind = 'single_artist' AND decided.library_id IS NOT NULL
            THEN decided.is_none OR is_rejected(
                decided.rejected,
                lml_ids(answered.verdict, usable.provenance)
            )
        END
    ) AS fate
FROM answered
LEFT JOIN decided ON decided.library_id = answered.library_id AND decided.library_id BETWEEN :first_id AND :last_id
LEFT JOIN library ON library.id = answered.library_id AND library.id BETWEEN :first_id AND :last_id
LEFT JOIN standing ON (standing.main).library_id = answered.library_id
-- Each function is called only if it has something to do, because the call costs more than the rest of the statement.
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN answered.kind <> 'single_artist' THEN NULL
        WHEN answered.set_aside IS NULL THEN answered.verdict -> 'provenance'
        ELSE usable_provenance(answered.verdict, answered.set_aside)
    END AS provenance
    OFFSET 0
) AS usable
CROSS JOIN LATERAL (
    -- OFFSET 0: the answer is parsed once.
    SELECT CASE
        WHEN answered.kind = 'single_artist'
        THEN lml_main_row(answered.library_id, answered.verdict, answered.asked_at, standing.main)
    END AS main
    OFFSET 0
) AS named
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN decided.refused IS NULL THEN named.main
        ELSE without_refused_ids(named.main, decided.refused)
    END AS main
    OFFSET 0
) AS made
