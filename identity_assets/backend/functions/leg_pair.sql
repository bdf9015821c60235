-- The library rows for which both legs have evidence.
CREATE FUNCTION identity_assets.leg_pair(library_ids integer[])
RETURNS TABLE (library_id integer, same_entity boolean, is_conflict boolean)
LANGUAGE sql STABLE
AS $$
    SELECT evidence.library_id, evidence.same_entity, evidence.is_conflict
    FROM identity_assets.leg_evidence_of(library_ids) AS evidence
    WHERE evidence.has_pair AND evidence.leg = 'S1'
$$;

COMMENT ON FUNCTION identity_assets.leg_pair IS
'The library rows for which both legs have evidence: whether the legs name one entity, or contradict each other';
