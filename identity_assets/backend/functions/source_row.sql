-- A source row as one value, which the functions of the legs return. It is a type and not a view of
-- library_identity_source, so that Backend can change its table freely.
CREATE TYPE identity_assets.source_row AS (
    library_id       integer,
    source           text,
    external_id      text,
    method           text,
    confidence       real,
    last_verified_at timestamptz,
    boost_sources    text,
    notes            text
);

COMMENT ON TYPE identity_assets.source_row IS
'A row of library_identity_source: the columns that this project reads and writes';
