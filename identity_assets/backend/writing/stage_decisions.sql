-- Stages people's decisions that are written now, in one range of library_id, with the present identity of each
-- library row. Main rows are locked in library_id order. Library rows that do not exist any more are left out.
--
-- A rejection without ids rejects the present identity: the ids of the source rows, of the main row, and of LML's
-- answer that the main row was written from. Its key is a hash of these ids, so the same rejection is stored once.
CREATE TEMPORARY TABLE decisions ON COMMIT DROP AS
WITH given AS MATERIALIZED (
    SELECT given.*
    FROM jsonb_to_recordset(CAST(:decisions AS jsonb)) AS given (
        library_id integer, decision text, source text, ids jsonb, made_by text, note text
    )
    JOIN library ON library.id = given.library_id
    WHERE given.library_id BETWEEN :first_id AND :last_id
      AND library.id BETWEEN :first_id AND :last_id
),
standing AS MATERIALIZED (
    SELECT main
    FROM standing_main_rows(:first_id, :last_id, ARRAY(SELECT DISTINCT given.library_id FROM given)) AS main
),
held AS MATERIALIZED (
    SELECT library_id, jsonb_object_agg(source, external_id) AS ids
    FROM library_identity_source
    WHERE library_id BETWEEN :first_id AND :last_id
      AND library_id IN (SELECT given.library_id FROM given)
    GROUP BY library_id
),
answered AS MATERIALIZED (
    SELECT answer.library_id, lml_ids(answer.verdict, usable_provenance(answer.verdict, answer.set_aside)) AS ids
    FROM answers_between(:first_id, :last_id) AS answer
    JOIN standing
        ON (standing.main).library_id = answer.library_id
       AND (standing.main).notes = 'consumer:lml-bulk'
       AND (standing.main).last_verified_at = answer.asked_at
    WHERE answer.kind = 'single_artist'
)
SELECT DISTINCT ON (given.library_id, key)
    given.library_id,
    CASE
        WHEN given.decision = 'reject' THEN coalesce(given.source || ':', '') || md5(CAST(decided.ids AS text))
        ELSE ''
    END AS key,
    given.decision,
    given.source,
    decided.ids,
    given.made_by,
    given.note,
    standing.main AS old_main,
    given.decision = 'none' OR (
        given.decision = 'reject'
        AND given.source IS NULL
        AND (given.ids IS NULL OR is_same_identity(given.ids, named.ids))
    ) AS takes_away
FROM given
LEFT JOIN standing ON (standing.main).library_id = given.library_id
LEFT JOIN held ON held.library_id = given.library_id
LEFT JOIN answered ON answered.library_id = given.library_id
CROSS JOIN LATERAL (
    SELECT coalesce(held.ids, '{}') || main_row_ids(standing.main) || coalesce(answered.ids, '{}') AS ids
) AS named
CROSS JOIN LATERAL (
    SELECT coalesce(
        given.ids,
        CASE
            WHEN given.decision <> 'reject' THEN '{}'
            WHEN given.source IS NULL THEN named.ids
            ELSE jsonb_build_object(given.source, coalesce(held.ids ->> given.source, named.ids ->> given.source))
        END
    ) AS ids
) AS decided
ORDER BY given.library_id, key
