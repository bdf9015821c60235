-- The columns of compilation_track_artist that this project reads and writes, as one value. The journal keeps its
-- hash.
CREATE TYPE identity_assets.credit_link AS (
    id                           integer,
    track_artist_id              integer,
    track_artist_link_confidence real,
    track_artist_link_method     text,
    track_position               text
);

COMMENT ON TYPE identity_assets.credit_link IS
'A track credit: its id, the link to an artist of the station, and the position';
