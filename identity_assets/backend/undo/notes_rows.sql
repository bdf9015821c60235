-- The library rows in which a writer has left its notes, or a leg has backed what the other says: at most :rows after
-- :after, in library_id order. A person's rows are nobody else's, whatever their notes say.
SELECT library_id
FROM library_identity
WHERE notes = :notes AND method <> 'manual' AND library_id > :after
UNION
SELECT library_id
FROM library_identity_source
WHERE notes = :notes AND method <> 'manual' AND library_id > :after
UNION
SELECT library_id
FROM leg_evidence
WHERE 'backfill:' || leg = :notes AND library_id > :after
ORDER BY library_id
LIMIT :rows
