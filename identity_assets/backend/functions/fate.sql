-- What an answer does to the identity of its library row (`fate`). This rule is nowhere else.
--
-- gone, renamed          the answer does not apply; it stays stored
-- manual                 a person decided the main row (rule 5 in rules.md)
-- rejected               a person rejected the identity
-- new, changed           the main row is inserted or replaced
-- confirmed              the main row differs only in its moment
-- same                   the main row does not differ
-- unresolved, compilation   the answer goes to the sidecar
-- resolved_compilation   the answer goes to the track credits
CREATE FUNCTION identity_assets.fate(
    kind text, resolved_tracks integer, has_library_row boolean, has_same_names boolean, old identity_assets.main_row,
    new identity_assets.main_row, is_rejected boolean
)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN NOT has_library_row THEN 'gone'
        WHEN NOT has_same_names THEN 'renamed'
        WHEN old.method = 'manual' THEN 'manual'
        WHEN resolved_tracks IS NOT NULL THEN 'resolved_compilation'
        WHEN kind <> 'single_artist' THEN kind
        WHEN is_rejected THEN 'rejected'
        WHEN old.library_id IS NULL THEN 'new'
        WHEN old IS NOT DISTINCT FROM new THEN 'same'
        WHEN old IS NOT DISTINCT FROM jsonb_populate_record(
            new, jsonb_build_object('last_verified_at', old.last_verified_at)
        ) THEN 'confirmed'
        ELSE 'changed'
    END
$$;

COMMENT ON FUNCTION identity_assets.fate IS
'What an answer does to its library row: new, changed, confirmed, same, unresolved, compilation, resolved_compilation, manual, rejected, renamed or gone';
