-- Counts by partition the rows that LML was asked about before and that are due again, in the full scope. A row
-- without an artist name does not count, because LML cannot be asked about it. The age counts from the last question
-- or verification.
--
-- `sample` has the rows of this partition that are among the first :sample_rows rows of the whole library.
WITH held AS (
    SELECT
        library_id,
        library_id % :partitions AS bucket,
        reason,
        CAST(round(CAST(extract(epoch FROM now() - decided_at) / 86400 AS numeric), 1) AS double precision) AS age_days,
        is_due AND NOT has_no_artist AND reason <> 'never_asked' AS is_past
    FROM due_library(:stale_threshold_days, :unresolved_retry_days, :invalid_retry_days)
    WHERE has_main_row OR attempted_at IS NOT NULL OR asked_at IS NOT NULL
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY is_past ORDER BY library_id) AS place
    FROM held
)
SELECT
    bucket,
    count(*) AS held,
    count(*) FILTER (WHERE is_past AND reason = 'stale') AS stale,
    count(*) FILTER (WHERE is_past AND reason = 'retry_due') AS retry_due,
    count(*) FILTER (WHERE is_past AND reason = 'names_changed') AS names_changed,
    count(*) FILTER (WHERE is_past AND reason = 'invalid_retry_due') AS invalid_retry_due,
    coalesce(max(age_days) FILTER (WHERE is_past), 0) AS oldest_age_days,
    coalesce(
        json_agg(json_build_object('library_id', library_id, 'reason', reason, 'age_days', age_days))
            FILTER (WHERE is_past AND place <= :sample_rows),
        '[]'
    ) AS sample
FROM placed
GROUP BY bucket
ORDER BY bucket
