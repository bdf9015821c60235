-- Whether an answer is a resolved compilation: how many tracks it lists, or null ("The contract" in docs/rules.md).
--
-- LML's matcher has visited the release if tracks_attempted is true or tracks are listed. An answer counts only if its
-- response vouched for the two (tracks_trusted).
CREATE FUNCTION identity_assets.resolved_tracks(kind text, tracks_trusted boolean, verdict jsonb)
RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN kind IS DISTINCT FROM 'compilation' OR NOT tracks_trusted THEN NULL
        WHEN jsonb_typeof(verdict -> 'tracks') = 'array' AND verdict -> 'tracks' <> '[]'
        THEN jsonb_array_length(verdict -> 'tracks')
        WHEN verdict -> 'tracks_attempted' = 'true' THEN 0
    END
$$;

COMMENT ON FUNCTION identity_assets.resolved_tracks IS
'How many tracks a resolved compilation lists; null if the answer is no compilation that the matcher has visited';
