-- The answers that a person has not accepted or dropped yet. If the names of the library row have changed, its held
-- answer is not valid any more: LML is asked about the new names.
--
-- This is a function because a view would keep Backend from changing the columns of library.
CREATE FUNCTION identity_assets.held_answer()
RETURNS TABLE (library_id integer, kind text, asked_at timestamptz, held_at timestamptz, held_run_id text)
LANGUAGE sql STABLE
AS $$
    SELECT answer.library_id, answer.kind, answer.asked_at, answer.held_at, answer.held_run_id
    FROM identity_assets.answer
    JOIN library ON library.id = answer.library_id
    WHERE answer.held_at IS NOT NULL
      AND identity_assets.has_same_names(
          answer.artist_name, answer.album_title, library.artist_name, library.album_title
      )
$$;

COMMENT ON FUNCTION identity_assets.held_answer IS
'The answers of LML that are held back until a person accepts or drops them';
