-- Counts what the answers that wait to be written say of two groups of library rows ("Guards" in DESIGN.md).
--
-- had_identity: rows with an identity that LML has not withdrawn before. Rows of persons and of the legs do not count,
-- nor do rows that were renamed: theirs is a new question. first_asked: rows never asked about before, without those
-- that LML calls compilations. Answers that a person has accepted do not count.
SELECT
    count(*) AS waiting,
    count(*) FILTER (WHERE had_identity) AS had_identity,
    count(*) FILTER (WHERE had_identity AND kind = 'unresolved') AS withdrawn,
    count(*) FILTER (WHERE is_first AND kind <> 'compilation') AS first_asked,
    count(*) FILTER (WHERE is_first AND kind = 'single_artist') AS first_resolved
FROM (
    SELECT
        answer.kind,
        candidate.reason = 'never_asked' AS is_first,
        candidate.reason <> 'names_changed'
            AND main.library_id IS NOT NULL
            AND main.method <> 'manual'
            AND main.notes IS DISTINCT FROM 'backfill:S1'
            AND main.notes IS DISTINCT FROM 'backfill:S3'
            AND attempt.library_id IS NULL
            AS had_identity
    FROM candidate_library AS candidate
    JOIN answer ON answer.library_id = candidate.library_id AND answer.asked_at >= candidate.answers_since
    LEFT JOIN library_identity AS main ON main.library_id = candidate.library_id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = candidate.library_id
    WHERE candidate.library_id % :partitions = ANY (:buckets)
      AND candidate.outcome IS NULL
      AND answer.rejected_reason IS NULL
      AND answer.held_at IS NULL
      AND answer.accepted_at IS NULL
) AS waiting_answer
