-- Those of :library_ids that are not library rows, in order.
SELECT given.library_id
FROM unnest(CAST(:library_ids AS integer[])) AS given (library_id)
WHERE NOT EXISTS (SELECT FROM library WHERE library.id = given.library_id)
ORDER BY given.library_id
