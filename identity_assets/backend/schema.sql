-- The tables of this project after `migrate`, then its functions and views in the order in which they are created. psql
-- can run this file: search_path names Backend's schema first and identity_assets second. `migrate` reads the order of the
-- functions from here. A test compares this file with the migrated database.

CREATE SCHEMA IF NOT EXISTS identity_assets;

-- The artist ids of LML. Backend's own schema has no columns for them.
ALTER TABLE library_identity
    ADD COLUMN IF NOT EXISTS discogs_artist_id integer,
    ADD COLUMN IF NOT EXISTS musicbrainz_artist_id text,
    ADD COLUMN IF NOT EXISTS bandcamp_id text;

ALTER TABLE library_identity_history
    ADD COLUMN IF NOT EXISTS discogs_artist_id integer,
    ADD COLUMN IF NOT EXISTS musicbrainz_artist_id text,
    ADD COLUMN IF NOT EXISTS bandcamp_id text;

CREATE TABLE library_unresolved (
    library_id         integer PRIMARY KEY,
    kind               text NOT NULL CHECK (kind IN ('unresolved', 'compilation')),
    attempted_at       timestamptz NOT NULL,
    attempts           integer NOT NULL CHECK (attempts > 0),
    first_attempted_at timestamptz NOT NULL,
    run_id             text
);

COMMENT ON TABLE library_unresolved IS
'Library rows for which LML found no identity. LML is not asked about them again before their window ends.';

CREATE TABLE library_track_identity_source (
    library_id       integer NOT NULL,
    artist_name      varchar(255) NOT NULL,
    track_title      varchar(255),
    source           text NOT NULL,
    external_id      text NOT NULL,
    method           text NOT NULL,
    confidence       real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    last_verified_at timestamptz NOT NULL,
    notes            text
);

-- A unique index treats two NULL titles as different, so rows without a title need an index of their own.
CREATE UNIQUE INDEX library_track_identity_source_key
    ON library_track_identity_source (library_id, artist_name, coalesce(track_title, ''), (track_title IS NULL), source);

COMMENT ON TABLE library_track_identity_source IS
'What each source says about the artist of one track of a various-artists release';

-- Each row is updated once in a pass. With free space on its page, the update changes no index.
CREATE TABLE identity_assets.candidate_library (
    library_id        integer PRIMARY KEY,
    scope             text NOT NULL CHECK (scope IN ('canonical', 'full')),
    cohort            text NOT NULL CHECK (cohort IN ('va', 'non_va')),
    reason            text NOT NULL CHECK (reason IN (
                          'never_asked', 'names_changed', 'stale', 'retry_due', 'invalid_retry_due', 'asked_again')),
    artist_name       text,
    album_title       text NOT NULL,
    legacy_release_id integer,
    selected_at       timestamptz NOT NULL,
    run_id            text NOT NULL,
    answers_since     timestamptz NOT NULL,
    outcome           text CHECK (outcome IN (
                          'resolved', 'resolved_compilation', 'unresolved', 'compilation', 'missing_artist_name',
                          'manual_override', 'lml_error', 'lml_cardinality_mismatch', 'lml_invalid_verdict',
                          'lml_untrusted_library_id', 'writer_error', 'library_row_gone', 'names_changed',
                          'rejected_by_person', 'unwound', 'answer_held', 'not_asked')),
    detail            text
) WITH (fillfactor = 45);

COMMENT ON TABLE identity_assets.candidate_library IS
'The ledger of the current pass: each library row that was due, and its one outcome';
COMMENT ON COLUMN identity_assets.candidate_library.answers_since IS
'An answer that was stored at this moment or later belongs to the row. It is the moment of selection, or of an answer that was stored before';

CREATE TABLE identity_assets.lml_verdict (
    library_id        integer PRIMARY KEY,
    kind              text,
    verdict           jsonb NOT NULL,
    tracks_trusted    boolean NOT NULL,
    artist_name       text NOT NULL,
    album_title       text NOT NULL,
    asked_at          timestamptz NOT NULL,
    run_id            text NOT NULL,
    previous_asked_at timestamptz,
    previous_kind     text,
    resolved_tracks   integer,
    lacks_tracks      boolean NOT NULL DEFAULT false
);

CREATE INDEX lml_verdict_resolved_tracks_idx ON identity_assets.lml_verdict (library_id) INCLUDE (resolved_tracks)
    WHERE resolved_tracks IS NOT NULL;

COMMENT ON TABLE identity_assets.lml_verdict IS
'LML''s latest answer for each library row as it came, stored before it is applied';
COMMENT ON COLUMN identity_assets.lml_verdict.previous_asked_at IS
'When LML was asked about the same artist and title the time before';
COMMENT ON COLUMN identity_assets.lml_verdict.previous_kind IS
'The kind of the answer before this one. resolved_compilation: it was a compilation with tracks. invalid: it was set aside, whole or in part. asked_again: a person wanted LML to be asked again';
COMMENT ON COLUMN identity_assets.lml_verdict.resolved_tracks IS
'The number of tracks in a resolved compilation. Null for every other answer';
COMMENT ON COLUMN identity_assets.lml_verdict.lacks_tracks IS
'LML calls the release a compilation and was not asked for its tracks. LML is asked again, with tracks';
COMMENT ON COLUMN identity_assets.lml_verdict.tracks_trusted IS
'Whether tracks_attempted and tracks may be trusted: tracks_contract_version was 1';

CREATE TABLE identity_assets.lml_verdict_state (
    library_id      integer PRIMARY KEY,
    asked_at        timestamptz NOT NULL,
    applied_at      timestamptz,
    unwound_at      timestamptz,
    rejected_reason text,
    set_aside       jsonb,
    held_at         timestamptz,
    held_run_id     text,
    accepted_at     timestamptz,
    dropped_at      timestamptz,
    CHECK ((held_at IS NULL) = (held_run_id IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX lml_verdict_state_held_idx ON identity_assets.lml_verdict_state (library_id) WHERE held_at IS NOT NULL;

COMMENT ON TABLE identity_assets.lml_verdict_state IS
'What happened to the answer with the same asked_at. An answer without a row here waits to be applied';
COMMENT ON COLUMN identity_assets.lml_verdict_state.unwound_at IS
'When the writes of this answer were taken back. The answer is not applied again, and LML is asked again';
COMMENT ON COLUMN identity_assets.lml_verdict_state.set_aside IS
'The entries of the answer that are not used: an array of {where, index, reason}';
COMMENT ON COLUMN identity_assets.lml_verdict_state.held_at IS
'Since when the answer is held back. It is not applied before a person accepts it. Null after a person has decided';
COMMENT ON COLUMN identity_assets.lml_verdict_state.accepted_at IS
'When a person accepted the held answer. It waits to be applied and is not held again';
COMMENT ON COLUMN identity_assets.lml_verdict_state.dropped_at IS
'When a person dropped the held answer. It is not applied, and LML is asked again';

CREATE TABLE identity_assets.lml_verdict_history (
    library_id      integer NOT NULL,
    kind            text,
    verdict         jsonb NOT NULL,
    artist_name     text NOT NULL,
    album_title     text NOT NULL,
    asked_at        timestamptz NOT NULL,
    run_id          text NOT NULL,
    applied_at      timestamptz,
    rejected_reason text,
    superseded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (library_id, asked_at)
);

COMMENT ON TABLE identity_assets.lml_verdict_history IS
'Earlier answers of LML that differ from the next one';

CREATE TABLE identity_assets.journal_chunk (
    chunk_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id           text NOT NULL,
    table_name       text NOT NULL,
    written_at       timestamptz NOT NULL DEFAULT now(),
    first_library_id integer NOT NULL,
    last_library_id  integer NOT NULL,
    library_ids      integer[] NOT NULL,
    keys             text[] NOT NULL,
    befores          text[] NOT NULL,
    times_before     timestamptz[] NOT NULL,
    row_hashes       bigint[] NOT NULL
);

CREATE INDEX journal_chunk_run_id_idx ON identity_assets.journal_chunk (run_id);

COMMENT ON TABLE identity_assets.journal_chunk IS
'What one transaction of a run wrote to one table, so that it can be taken back. The arrays have one element for each table row';
COMMENT ON COLUMN identity_assets.journal_chunk.keys IS
'The primary key without library_id. Empty if library_id is the whole key';
COMMENT ON COLUMN identity_assets.journal_chunk.befores IS
'The state before the write. absent: no row. same: the write changed nothing. time: only the time differed. image: the row is in journal_image';
COMMENT ON COLUMN identity_assets.journal_chunk.row_hashes IS
'The hash of the table row after the write. Null if there was no row';

CREATE TABLE identity_assets.journal_image (
    chunk_id   bigint NOT NULL REFERENCES identity_assets.journal_chunk (chunk_id) ON DELETE CASCADE,
    library_id integer NOT NULL,
    key        text NOT NULL,
    image      jsonb NOT NULL,
    PRIMARY KEY (chunk_id, library_id, key)
);

COMMENT ON TABLE identity_assets.journal_image IS
'Table rows that a write replaced or removed, as they were before it';

CREATE TABLE identity_assets.leg_evidence (
    library_id          integer NOT NULL,
    leg                 text NOT NULL CHECK (leg IN ('S1', 'S3')),
    source              text NOT NULL CHECK (source IN ('discogs_master', 'discogs_release')),
    external_id         text NOT NULL,
    method              text NOT NULL,
    confidence          real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    verified_at         timestamptz NOT NULL,
    run_id              text NOT NULL,
    artist_name         text,
    album_title         text,
    canonical_entity_id text,
    checked_release_id  integer,
    checked_master_id   integer,
    refused_reason      text,
    PRIMARY KEY (library_id, leg, source),
    UNIQUE (library_id, leg),
    CHECK ((leg = 'S1') = (canonical_entity_id IS NOT NULL)),
    CHECK ((leg = 'S3') = (artist_name IS NOT NULL AND album_title IS NOT NULL))
);

CREATE INDEX leg_evidence_refused_idx ON identity_assets.leg_evidence (library_id) WHERE refused_reason IS NOT NULL;

COMMENT ON TABLE identity_assets.leg_evidence IS
'The Discogs release or master that the legs S1 (canonical_entity_id) and S3 (flowsheet_match) found for a library row';
COMMENT ON COLUMN identity_assets.leg_evidence.artist_name IS
'The artist of the library row when S3 read it, as album_title is the title. Null for S1';
COMMENT ON COLUMN identity_assets.leg_evidence.canonical_entity_id IS
'The canonical_entity_id of the library row when S1 read it. Null for S3';
COMMENT ON COLUMN identity_assets.leg_evidence.checked_master_id IS
'The master of checked_release_id in the discogs-cache';

CREATE TABLE identity_assets.leg_gathered (
    leg        text NOT NULL,
    partitions integer NOT NULL,
    bucket     integer NOT NULL,
    PRIMARY KEY (leg, partitions, bucket)
);

COMMENT ON TABLE identity_assets.leg_gathered IS
'The partitions in which a leg was gathered at least once. Only there, missing evidence removes the leg''s source rows';

CREATE TABLE identity_assets.leg_filled (
    library_id         integer PRIMARY KEY,
    discogs_master_id  integer,
    discogs_release_id integer,
    pinned_manual      boolean NOT NULL
);

COMMENT ON TABLE identity_assets.leg_filled IS
'The values that the legs put into each main row. All other values are left alone';

CREATE TABLE identity_assets.correction (
    library_id integer NOT NULL,
    key        text NOT NULL,
    decision   text NOT NULL CHECK (decision IN ('correct', 'reject', 'none')),
    source     text,
    ids        jsonb NOT NULL,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    run_id     text NOT NULL,
    note       text,
    PRIMARY KEY (library_id, key),
    CHECK ((decision = 'reject') = (key <> ''))
);

COMMENT ON TABLE identity_assets.correction IS
'What people decided about library rows: the identity is this one, it is not that one, or there is none';
COMMENT ON COLUMN identity_assets.correction.key IS
'Empty for correct and none: a library row has at most one of them. For reject: a hash of the rejected ids';
COMMENT ON COLUMN identity_assets.correction.source IS
'The single source whose id is rejected. Null if the whole identity is rejected';
COMMENT ON COLUMN identity_assets.correction.ids IS
'The ids that the person gave, or the rejected ids: an object that maps a source to its id';

\ir functions/main_row.sql
\ir functions/main_row_columns.sql
\ir functions/standing_main_rows.sql
\ir functions/insert_main_rows.sql
\ir functions/main_rows_of.sql
\ir functions/source_row_hash.sql
\ir functions/resolved_tracks.sql
\ir functions/station_artist.sql
\ir functions/track_entry.sql
\ir functions/track_entries.sql
\ir functions/credit_link.sql
\ir functions/track_links.sql
\ir functions/update_credits.sql
\ir functions/track_evidence.sql
\ir functions/track_source_key.sql
\ir functions/track_source_hash.sql
\ir functions/has_same_names.sql
\ir functions/answer.sql
\ir functions/answers_between.sql
\ir functions/identity_source.sql
\ir functions/main_row_ids.sql
\ir functions/lml_ids.sql
\ir functions/is_same_identity.sql
\ir functions/is_rejected.sql
\ir functions/without_refused_ids.sql
\ir functions/without_refused_entries.sql
\ir functions/corrected_main_row.sql
\ir functions/decided.sql
\ir functions/held_answer.sql
\ir functions/guard_group.sql
\ir functions/decision_line.sql
\ir functions/ledger.sql
\ir functions/journal_entry.sql
\ir functions/keep_main_row_history.sql
\ir functions/update_main_rows.sql
\ir functions/lml_main_row.sql
\ir functions/store_answers.sql
\ir functions/fate.sql
\ir functions/usable_provenance.sql
\ir functions/provenance_entry.sql
\ir functions/due_library.sql
\ir functions/candidate.sql
\ir functions/source_row.sql
\ir functions/leg_library_row.sql
\ir functions/is_current_evidence.sql
\ir functions/leg_outdated_evidence.sql
\ir functions/leg_evidence_of.sql
\ir functions/leg_pair.sql
\ir functions/leg_source.sql
\ir functions/leg_standing.sql
\ir functions/leg_composed.sql
\ir functions/leg_main.sql
