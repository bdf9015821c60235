-- The runs with held answers, the latest first, and the number of these answers by kind.
SELECT
    held_run_id AS run_id,
    min(held_at) AS held_at,
    count(*) AS answers,
    count(*) FILTER (WHERE kind = 'single_artist') AS single_artist,
    count(*) FILTER (WHERE kind = 'unresolved') AS unresolved,
    count(*) FILTER (WHERE kind = 'compilation') AS compilation
FROM held_answer()
GROUP BY held_run_id
ORDER BY 2 DESC, 1
