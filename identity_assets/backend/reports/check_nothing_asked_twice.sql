-- Library rows that LML was asked about again, with the same artist and title, before the window of the earlier
-- answer had ended. Questions that a person wanted (`asked_again`) do not count.
--
-- The window is counted back from the later question in calendar days, as in due_library. An interval between two
-- moments would be an hour too short when the clocks change.
SELECT
    library_id,
    artist_name,
    album_title,
    previous_kind,
    previous_asked_at,
    kind,
    asked_at,
    run_id,
    count(*) OVER () AS offending
FROM lml_verdict
WHERE previous_asked_at > asked_at - make_interval(
    days => CASE previous_kind
        WHEN 'invalid' THEN least(CAST(:invalid_retry_days AS integer), :stale_threshold_days, :unresolved_retry_days)
        WHEN 'single_artist' THEN :stale_threshold_days
        WHEN 'resolved_compilation' THEN :stale_threshold_days
        ELSE :unresolved_retry_days
    END
)
  AND previous_kind IS DISTINCT FROM 'asked_again'
ORDER BY library_id
LIMIT :sample_rows
