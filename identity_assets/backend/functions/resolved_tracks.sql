-- The number of tracks in a resolved compilation, or null if the answer is not one ("The contract" in docs/rules.md).
--
-- LML's matcher has visited the release if tracks_attempted is true or tracks are listed. Both fields count only if
-- the response vouched for them (tracks_trusted).
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
'The number of tracks in a resolved compilation. Null if the answer is not a compilation that the matcher has visited';
