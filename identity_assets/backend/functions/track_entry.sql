-- One entry of an answer's tracks as one value. `is_set_aside`: the entry broke the contract, and only its names are
-- used.
CREATE TYPE identity_assets.track_entry AS (
    library_id           integer,
    artist_name          text,
    track_title          text,
    track_position       text,
    resolved_artist_name text,
    confidence           real,
    sources              jsonb,
    is_set_aside         boolean
);

COMMENT ON TYPE identity_assets.track_entry IS 'One entry of the tracks of an answer of LML';
