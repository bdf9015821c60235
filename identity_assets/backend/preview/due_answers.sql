-- The stored answers to these library rows, all of them in the given range.
SELECT library_id, kind, CAST(verdict AS text) AS verdict, tracks_trusted, CAST(set_aside AS text) AS set_aside
FROM answers_between(:first_id, :last_id)
WHERE library_id = ANY (CAST(:library_ids AS integer[]))
ORDER BY library_id
