-- Counts by partition the rows that LML was asked about before and that are due again, in the full scope. A row
-- without an artist name does not count, because LML cannot be asked about it. The age counts from the last question
-- or verification.
--
-- `sample` has the rows of this partition that are among the first :sample_rows rows of the whole library.
--
-- The rule is evaluated once for each row, before rows are counted. An age is computed only if it is shown.
WITH held AS MATERIALIZED (
    SELECT
        library_id,
        library_id % :partitions AS bucket,
        CASE WHEN is_due AND NOT has_no_artist THEN nullif(reason, 'never_asked') END AS due_reason,
        decided_at
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
    WHERE has_main_row OR attempted_at IS NOT NULL OR asked_at IS NOT NULL
),
overdue AS MATERIALIZED (
    SELECT
        library_id,
        due_reason,
        CAST(round(CAST(extract(epoch FROM now() - decided_at) / 86400 AS numeric), 1) AS double precision) AS age_days
    FROM held
    WHERE due_reason IS NOT NULL
),
sampled AS (
    SELECT library_id, json_build_object('library_id', library_id, 'reason', due_reason, 'age_days', age_days) AS shown
    FROM overdue
    ORDER BY library_id
    LIMIT :sample_rows
)
SELECT
    held.bucket,
    count(*) AS held,
    count(*) FILTER (WHERE held.due_reason = 'stale') AS stale,
    count(*) FILTER (WHERE held.due_reason = 'retry_due') AS retry_due,
    count(*) FILTER (WHERE held.due_reason = 'names_changed') AS names_changed,
    count(*) FILTER (WHERE held.due_reason = 'invalid_retry_due') AS invalid_retry_due,
    coalesce(max(overdue.age_days), 0) AS oldest_age_days,
    coalesce(json_agg(sampled.shown) FILTER (WHERE sampled.library_id IS NOT NULL), '[]') AS sample
FROM held
LEFT JOIN overdue ON overdue.library_id = held.library_id
LEFT JOIN sampled ON sampled.library_id = held.library_id
GROUP BY held.bucket
ORDER BY held.bucket
