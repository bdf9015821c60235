-- The tables of the discogs-cache that this project reads (docs/rules.md, "The two legs").
-- Only the demo and the tests run this file, in an empty database. In production another job owns these tables.

CREATE SCHEMA wxyc;

CREATE TABLE wxyc.flowsheet_match (
    artist_norm       text NOT NULL,
    album_norm        text NOT NULL,
    distinct_entities integer NOT NULL,
    master_id         integer,
    release_id        integer,
    PRIMARY KEY (artist_norm, album_norm)
);

CREATE TABLE wxyc.release (
    id        integer PRIMARY KEY,
    master_id integer,
    title     text NOT NULL,
    not_found boolean NOT NULL DEFAULT false
);

CREATE TABLE wxyc.release_artist (
    release_id  integer NOT NULL REFERENCES wxyc.release (id),
    artist_name text NOT NULL,
    extra       integer DEFAULT 0
);
