"""The sidecar beside Backend's tables, and the ledger and the stored verdicts in a schema of our own.

Names without a schema stand in Backend's: it is first on the connection's search_path. The two foreign keys
of DOMAIN.md's constraint rule are not concerned: nothing here points at library_identity.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE library_unresolved (
            library_id         integer PRIMARY KEY REFERENCES library (id) ON DELETE CASCADE,
            kind               text NOT NULL CHECK (kind IN ('unresolved', 'compilation')),
            attempted_at       timestamptz NOT NULL,
            attempts           integer NOT NULL CHECK (attempts > 0),
            first_attempted_at timestamptz NOT NULL,
            run_id             text
        )
    """)
    op.execute("""
        COMMENT ON TABLE library_unresolved IS
        'Library rows that LML was asked about and found no identity for: not asked again before their window ends'
    """)
    op.execute("""
        CREATE TABLE identity_assets.candidate_library (
            library_id        integer PRIMARY KEY,
            scope             text NOT NULL CHECK (scope IN ('canonical', 'full')),
            cohort            text NOT NULL CHECK (cohort IN ('va', 'non_va')),
            reason            text NOT NULL CHECK (reason IN ('never_asked', 'retry_due', 'stale')),
            artist_name       text,
            album_title       text NOT NULL,
            legacy_release_id integer,
            selected_at       timestamptz NOT NULL,
            run_id            text NOT NULL,
            answered_at       timestamptz,
            outcome           text CHECK (outcome IN (
                                  'resolved', 'resolved_compilation', 'unresolved', 'compilation',
                                  'missing_artist_name', 'manual_override', 'lml_error',
                                  'lml_cardinality_mismatch', 'lml_invalid_verdict',
                                  'lml_untrusted_library_id', 'writer_error')),
            detail            text
        ) WITH (fillfactor = 40)
    """)
    # Each row of these two is updated once or twice in every pass: with room on its page no index need change.
    op.execute("""
        COMMENT ON TABLE identity_assets.candidate_library IS
        'The ledger of the current pass: each library row that was due, and the one outcome it came to'
    """)
    op.execute("""
        CREATE TABLE identity_assets.lml_verdict (
            library_id        integer PRIMARY KEY,
            kind              text,
            verdict           jsonb NOT NULL,
            artist_name       text NOT NULL,
            album_title       text NOT NULL,
            asked_at          timestamptz NOT NULL,
            run_id            text NOT NULL,
            applied_at        timestamptz,
            rejected_reason   text,
            previous_asked_at timestamptz,
            previous_kind     text
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        COMMENT ON TABLE identity_assets.lml_verdict IS
        'LML''s latest answer for each library row as it came, stored before it is applied'
    """)
    op.execute("""
        COMMENT ON COLUMN identity_assets.lml_verdict.previous_asked_at IS
        'When LML was last asked before this about the same artist and title; previous_kind is what it said then'
    """)
    op.execute(r"""
        CREATE FUNCTION identity_assets.due_library(
            scope text, stale_threshold_days integer, unresolved_retry_days integer
        )
        RETURNS TABLE (library_id integer, reason text, due_since timestamptz, has_no_artist boolean)
        LANGUAGE sql STABLE
        AS $$
            SELECT
                library.id,
                CASE
                    WHEN main.library_id IS NOT NULL THEN 'stale'
                    WHEN attempt.library_id IS NOT NULL THEN 'retry_due'
                    ELSE 'never_asked'
                END,
                greatest(
                    main.last_verified_at + make_interval(days => stale_threshold_days),
                    attempt.attempted_at + make_interval(days => unresolved_retry_days)
                ),
                coalesce(library.artist_name !~ '\S', true)
            FROM library
            LEFT JOIN library_identity AS main ON main.library_id = library.id
            LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
            WHERE (scope = 'full' OR library.canonical_entity_id IS NOT NULL)
              AND (
                  main.library_id IS NULL
                  OR (
                      main.method <> 'manual'
                      AND main.last_verified_at <= now() - make_interval(days => stale_threshold_days)
                  )
              )
              AND (
                  attempt.library_id IS NULL
                  OR attempt.attempted_at <= now() - make_interval(days => unresolved_retry_days)
              )
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.due_library IS
        'The library rows that are due now, why, and since when (null: never asked)'
    """)
    op.execute("""
        CREATE VIEW identity_assets.lml_identity AS
        SELECT
            library_id,
            verdict #>> '{main,wikidata_qid}' AS wikidata_qid,
            verdict #>> '{main,spotify_artist_id}' AS spotify_id,
            verdict #>> '{main,apple_music_artist_id}' AS apple_music_id,
            asked_at AS last_verified_at,
            verdict ->> 'method' AS method,
            CAST(verdict ->> 'confidence' AS real) AS confidence,
            'consumer:lml-bulk' AS notes
        FROM identity_assets.lml_verdict
        WHERE kind = 'single_artist' AND rejected_reason IS NULL
    """)
    op.execute("""
        COMMENT ON VIEW identity_assets.lml_identity IS
        'The main row that LML''s stored answer makes, its method and confidence as they came'
    """)
    op.execute("""
        CREATE VIEW identity_assets.lml_identity_source AS
        SELECT DISTINCT ON (answer.library_id, entry.source)
            answer.library_id,
            entry.source,
            entry.external_id,
            entry.method,
            entry.confidence,
            answer.asked_at AS last_verified_at,
            'consumer:lml-bulk' AS notes
        FROM identity_assets.lml_verdict AS answer
        CROSS JOIN LATERAL jsonb_to_recordset(answer.verdict -> 'provenance')
            AS entry (source text, method text, confidence real, external_id text)
        WHERE answer.kind = 'single_artist'
          AND answer.rejected_reason IS NULL
          AND entry.confidence IS NOT NULL
          AND entry.external_id IS NOT NULL
        ORDER BY answer.library_id, entry.source, entry.confidence DESC, entry.external_id
    """)
    op.execute("""
        COMMENT ON VIEW identity_assets.lml_identity_source IS
        'The source rows that LML''s stored answer makes: entries without an id or a confidence left out, and of a '
        'source reported twice the surer one'
    """)


def downgrade() -> None:
    op.execute("DROP VIEW identity_assets.lml_identity_source")
    op.execute("DROP VIEW identity_assets.lml_identity")
    op.execute("DROP FUNCTION identity_assets.due_library")
    op.execute("DROP TABLE identity_assets.lml_verdict")
    op.execute("DROP TABLE identity_assets.candidate_library")
    op.execute("DROP TABLE library_unresolved")
