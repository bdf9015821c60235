-- The group in which the guard counts a library row with an answer (docs/guards.md), or null.
--
-- first_asked: LML was never asked about the row before. Compilations are not in this group. had_identity: the row
-- has an identity that LML has not withdrawn before. Rows that a person decided, rows of the legs and renamed rows
-- are in no group. A renamed row is a new question.
--
-- `kind` is the kind of the answer. `reason` is why the row is due. `main_method` and `main_notes` belong to its main
-- row. `was_withdrawn`: the last attempt found nothing.
CREATE FUNCTION identity_assets.guard_group(
    kind text, reason text, main_method text, main_notes text, was_withdrawn boolean
)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN reason = 'never_asked' THEN CASE WHEN kind <> 'compilation' THEN 'first_asked' END
        WHEN reason <> 'names_changed'
            AND main_method <> 'manual'
            AND main_notes IS DISTINCT FROM 'backfill:S1'
            AND main_notes IS DISTINCT FROM 'backfill:S3'
            AND NOT was_withdrawn
        THEN 'had_identity'
    END
$$;

COMMENT ON FUNCTION identity_assets.guard_group IS
'The group of rows in which the guard counts an answer: first_asked, had_identity, or null';
