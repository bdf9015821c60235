-- Rows past their window by partition: due again by the rules of select_candidates.sql in its full scope. A row
-- without an artist name is never due. The age is that since LML was last asked or the row last verified.
--
-- `sample` holds those of the library's first :sample_rows past their window that are this partition's.
WITH held AS (
    SELECT
        library.id AS library_id,
        CASE WHEN identity.library_id IS NULL THEN 'retry_due' ELSE 'stale' END AS reason,
        greatest(identity.last_verified_at, attempt.attempted_at) AS since,
        coalesce(
            (
                identity.library_id IS NULL
                OR (
                    identity.method <> 'manual'
                    AND identity.last_verified_at <= now() - make_interval(days => :stale_threshold_days)
                )
            )
            AND (
                attempt.library_id IS NULL
                OR attempt.attempted_at <= now() - make_interval(days => :unresolved_retry_days)
            )
            AND library.artist_name ~ '\S',
            false
        ) AS is_past
    FROM library
    LEFT JOIN library_identity AS identity ON identity.library_id = library.id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
    WHERE identity.library_id IS NOT NULL OR attempt.library_id IS NOT NULL
),
placed AS (
    SELECT
        *,
        library_id % :partitions AS bucket,
        CAST(round(CAST(extract(epoch FROM now() - since) / 86400 AS numeric), 1) AS double precision) AS age_days,
        row_number() OVER (PARTITION BY is_past ORDER BY library_id) AS place
    FROM held
)
SELECT
    bucket,
    count(*) AS held,
    count(*) FILTER (WHERE is_past AND reason = 'stale') AS stale,
    count(*) FILTER (WHERE is_past AND reason = 'retry_due') AS retry_due,
    coalesce(max(age_days) FILTER (WHERE is_past), 0) AS oldest_age_days,
    coalesce(
        json_agg(json_build_object('library_id', library_id, 'reason', reason, 'age_days', age_days))
            FILTER (WHERE is_past AND place <= :sample_rows),
        '[]'
    ) AS sample
FROM placed
GROUP BY bucket
ORDER BY bucket
