-- The part of Backend's schema that this project uses (docs/rules.md, "Backend's tables").
-- Only the demo and the tests run this file. In production Backend's own migrations own these tables.
-- Run it with search_path set to a schema that already exists. It runs on PostgreSQL 14 to 18.

CREATE TABLE artists (
    id          serial PRIMARY KEY,
    artist_name varchar(128) NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT now()
);

-- Fold a name for comparison: decompose it, remove the combining marks U+0300 to U+036F, lower its case.
-- A leading "The" stays.
CREATE FUNCTION fold_artist_name(input text) RETURNS text
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT lower(regexp_replace(normalize(input, NFD), '[\u0300-\u036F]', '', 'g'))
$$;

CREATE INDEX artists_folded_name_idx ON artists (fold_artist_name(artist_name));

CREATE TABLE library (
    id                           serial PRIMARY KEY,
    artist_id                    integer NOT NULL REFERENCES artists (id),
    genre_id                     integer,
    format_id                    integer,
    album_title                  varchar(128) NOT NULL,
    artist_name                  varchar(128),
    alternate_artist_name        varchar(128),
    label                        text,
    legacy_release_id            integer NOT NULL,
    code_number                  smallint NOT NULL DEFAULT 1,
    code_volume_letters          varchar(4),
    disc_quantity                smallint NOT NULL DEFAULT 1,
    on_streaming                 boolean,
    plays                        integer NOT NULL DEFAULT 0,
    canonical_entity_id          text,
    canonical_entity_confidence  real,
    canonical_entity_resolved_at timestamptz,
    unresolved_attempted_at      timestamptz,
    added_at                     timestamptz NOT NULL DEFAULT now(),
    last_modified                timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX library_artist_id_idx ON library (artist_id);

CREATE TABLE library_identity (
    library_id                     integer PRIMARY KEY REFERENCES library (id) ON DELETE NO ACTION,
    discogs_master_id              integer,
    discogs_release_id             integer,
    musicbrainz_release_group_mbid uuid,
    musicbrainz_release_mbid       uuid,
    musicbrainz_recording_mbid     uuid,
    wikidata_qid                   text,
    spotify_id                     text,
    apple_music_id                 text,
    last_verified_at               timestamptz NOT NULL,
    method                         text NOT NULL,
    confidence                     real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    agreement_sources              text,
    notes                          text,
    distinct_unresolved_sources    integer GENERATED ALWAYS AS (
        num_nulls(
            discogs_master_id,
            discogs_release_id,
            musicbrainz_release_group_mbid,
            musicbrainz_release_mbid,
            musicbrainz_recording_mbid,
            wikidata_qid,
            spotify_id,
            apple_music_id
        )
    ) STORED
);

CREATE INDEX library_identity_confidence_idx
    ON library_identity (confidence, distinct_unresolved_sources DESC);

CREATE TABLE library_identity_source (
    library_id       integer NOT NULL REFERENCES library (id) ON DELETE NO ACTION,
    source           text NOT NULL,
    external_id      text NOT NULL,
    method           text NOT NULL,
    confidence       real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    last_verified_at timestamptz NOT NULL,
    boost_sources    text,
    notes            text,
    PRIMARY KEY (library_id, source)
);

-- No foreign key: a history row may outlive its library row.
CREATE TABLE library_identity_history (
    history_id                     serial PRIMARY KEY,
    library_id                     integer NOT NULL,
    discogs_master_id              integer,
    discogs_release_id             integer,
    musicbrainz_release_group_mbid uuid,
    musicbrainz_release_mbid       uuid,
    musicbrainz_recording_mbid     uuid,
    wikidata_qid                   text,
    spotify_id                     text,
    apple_music_id                 text,
    last_verified_at               timestamptz,
    method                         text,
    confidence                     real,
    agreement_sources              text,
    notes                          text,
    superseded_at                  timestamptz NOT NULL DEFAULT now(),
    superseded_reason              text NOT NULL,
    reason_category                text,
    archived_at                    timestamptz
);

CREATE TABLE compilation_track_artist (
    id                           serial PRIMARY KEY,
    library_id                   integer NOT NULL REFERENCES library (id) ON DELETE CASCADE,
    artist_name                  varchar(255) NOT NULL,
    track_title                  varchar(255),
    track_position               varchar(20),
    track_artist_id              integer REFERENCES artists (id) ON DELETE SET NULL,
    track_artist_link_confidence real CHECK (track_artist_link_confidence BETWEEN 0 AND 1),
    track_artist_link_method     text
);

CREATE UNIQUE INDEX compilation_track_artist_credit_key
    ON compilation_track_artist (library_id, artist_name, track_title);

-- A unique index treats two NULL titles as different, so credits without a title need an index of their own.
CREATE UNIQUE INDEX compilation_track_artist_untitled_key
    ON compilation_track_artist (library_id, artist_name)
    WHERE track_title IS NULL;

-- Backend's triggers. They fire for every session, this project's included.

-- Other services cache the catalogue under this version. Every statement on library advances it, even one that
-- changes no row, so the version shows whether any statement has reached the table.
CREATE TABLE catalog_watermark (
    id      integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    version bigint NOT NULL
);

INSERT INTO catalog_watermark (id, version) VALUES (1, 0);

-- The same for the track credits.
CREATE TABLE track_credit_watermark (
    id      integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    version bigint NOT NULL
);

INSERT INTO track_credit_watermark (id, version) VALUES (1, 0);

CREATE FUNCTION advance_catalog_watermark() RETURNS trigger
LANGUAGE plpgsql
-- Keep the present search_path: a later session may write to library with another one.
SET search_path FROM CURRENT
AS $$
BEGIN
    UPDATE catalog_watermark SET version = version + 1 WHERE id = 1;
    RETURN NULL;
END;
$$;

CREATE FUNCTION advance_track_credit_watermark() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    UPDATE track_credit_watermark SET version = version + 1 WHERE id = 1;
    RETURN NULL;
END;
$$;

CREATE TRIGGER library_advances_catalog_watermark
AFTER INSERT OR UPDATE OR DELETE ON library
FOR EACH STATEMENT EXECUTE FUNCTION advance_catalog_watermark();

-- A new link of a credit to an artist changes none of these columns and does not advance the version.
CREATE TRIGGER credits_advance_track_credit_watermark
AFTER INSERT OR DELETE OR UPDATE OF id, library_id, artist_name, track_title ON compilation_track_artist
FOR EACH STATEMENT EXECUTE FUNCTION advance_track_credit_watermark();

-- Backend sends each of these rows to other services.
CREATE TABLE changed_row (
    change_id  bigserial PRIMARY KEY,
    table_name text NOT NULL,
    row_id     integer NOT NULL,
    operation  text NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE')),
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION record_changed_row() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO changed_row (table_name, row_id, operation)
    VALUES (tg_table_name, CASE tg_op WHEN 'DELETE' THEN old.id ELSE new.id END, tg_op);
    RETURN NULL;
END;
$$;

CREATE TRIGGER library_sends_changed_rows
AFTER INSERT OR UPDATE OR DELETE ON library
FOR EACH ROW EXECUTE FUNCTION record_changed_row();

CREATE TRIGGER credits_send_changed_rows
AFTER INSERT OR UPDATE OR DELETE ON compilation_track_artist
FOR EACH ROW EXECUTE FUNCTION record_changed_row();
