"""What looking ahead, replaying and taking back stand on.

Candidates and verdicts are read by functions, so that a dry run puts the same questions as a run; what each run
replaced is kept, and so is what LML said earlier.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTCOMES = (
    "'resolved', 'resolved_compilation', 'unresolved', 'compilation', 'missing_artist_name', 'manual_override', "
    "'lml_error', 'lml_cardinality_mismatch', 'lml_invalid_verdict', 'lml_untrusted_library_id', 'writer_error'"
)


def upgrade() -> None:
    _outcomes_are(f"{OUTCOMES}, 'unwound'")
    op.execute("ALTER TABLE identity_assets.lml_verdict ADD COLUMN unwound_at timestamptz")
    op.execute("""
        COMMENT ON COLUMN identity_assets.lml_verdict.unwound_at IS
        'When what was written from this answer was taken back: it is not applied again, and LML is asked anew'
    """)
    op.execute("""
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
        )
    """)
    op.execute("""
        COMMENT ON TABLE identity_assets.lml_verdict_history IS
        'LML''s earlier answers, where a later one differed'
    """)
    op.execute("""
        CREATE TABLE identity_assets.library_write (
            library_id integer NOT NULL,
            run_id     text NOT NULL,
            written_at timestamptz NOT NULL,
            xids       bigint[] NOT NULL,
            main_before    jsonb,
            sources_before jsonb,
            attempt_before jsonb,
            PRIMARY KEY (library_id, run_id)
        )
    """)
    op.execute(
        "CREATE INDEX library_write_written_at_idx ON identity_assets.library_write USING brin (written_at)"
    )
    op.execute("""
        COMMENT ON TABLE identity_assets.library_write IS
        'What stood in the identity tables before a run changed a library row: main row, source rows, sidecar'
    """)
    op.execute("""
        COMMENT ON COLUMN identity_assets.library_write.xids IS
        'The transactions of the write: a row of another xmin has been written by somebody else since'
    """)
    _candidate_function()
    _verdict_functions()


def _outcomes_are(outcomes: str) -> None:
    op.execute(
        "ALTER TABLE identity_assets.candidate_library DROP CONSTRAINT candidate_library_outcome_check"
    )
    op.execute(
        "ALTER TABLE identity_assets.candidate_library ADD CONSTRAINT candidate_library_outcome_check "
        f"CHECK (outcome IN ({outcomes}))"
    )


def _candidate_function() -> None:
    op.execute("""
        CREATE FUNCTION identity_assets.candidate(
            scope text, stale_threshold_days integer, unresolved_retry_days integer
        )
        RETURNS TABLE (
            library_id integer, cohort text, reason text, artist_name text, album_title text,
            legacy_release_id integer, due_since timestamptz, answered_at timestamptz, outcome text, detail text
        )
        LANGUAGE sql STABLE
        AS $$
            SELECT
                library.id,
                CASE
                    WHEN library.code_volume_letters LIKE 'Z%' THEN 'va'
                    WHEN EXISTS (
                        SELECT FROM compilation_track_artist AS credit WHERE credit.library_id = library.id
                    ) THEN 'va'
                    ELSE 'non_va'
                END,
                due.reason,
                CAST(library.artist_name AS text),
                CAST(library.album_title AS text),
                library.legacy_release_id,
                due.due_since,
                verdict.asked_at,
                CASE
                    WHEN due.has_no_artist THEN 'missing_artist_name'
                    WHEN verdict.rejected_reason IS NOT NULL THEN 'lml_invalid_verdict'
                END,
                verdict.rejected_reason
            FROM due_library(scope, stale_threshold_days, unresolved_retry_days) AS due
            JOIN library ON library.id = due.library_id
            LEFT JOIN lml_verdict AS verdict
                ON verdict.library_id = library.id
               AND verdict.applied_at IS NULL
               AND verdict.unwound_at IS NULL
               AND verdict.artist_name = library.artist_name
               AND verdict.album_title = library.album_title
               AND verdict.asked_at > now() - make_interval(
                       days => CASE
                           WHEN verdict.kind = 'single_artist' THEN stale_threshold_days
                           ELSE unresolved_retry_days
                       END
                   )
               AND NOT due.has_no_artist
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.candidate IS
        'The due library rows as they go into the ledger. One whose answer is stored and not yet applied, for the '
        'very names that stand in the library and inside its window, has answered_at; one without an artist has '
        'its outcome'
    """)


def _verdict_functions() -> None:
    op.execute("""
        CREATE FUNCTION identity_assets.lml_main_row(verdict jsonb)
        RETURNS TABLE (
            wikidata_qid text, spotify_id text, apple_music_id text, method text, confidence real,
            discogs_artist_id integer, musicbrainz_artist_id text, bandcamp_id text
        )
        LANGUAGE sql IMMUTABLE
        AS $$
            SELECT
                verdict #>> '{main,wikidata_qid}',
                verdict #>> '{main,spotify_artist_id}',
                verdict #>> '{main,apple_music_artist_id}',
                verdict ->> 'method',
                CAST(verdict ->> 'confidence' AS real),
                CAST(verdict #>> '{main,discogs_artist_id}' AS integer),
                verdict #>> '{main,musicbrainz_artist_id}',
                verdict #>> '{main,bandcamp_id}'
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.lml_main_row IS
        'The main row that an answer of LML''s makes, its method and confidence as they came'
    """)
    op.execute("""
        CREATE FUNCTION identity_assets.lml_source_rows(verdict jsonb)
        RETURNS TABLE (source text, external_id text, method text, confidence real)
        LANGUAGE sql IMMUTABLE
        AS $$
            SELECT DISTINCT ON (entry.source) entry.source, entry.external_id, entry.method, entry.confidence
            FROM jsonb_to_recordset(verdict -> 'provenance')
                AS entry (source text, method text, confidence real, external_id text)
            WHERE entry.confidence IS NOT NULL AND entry.external_id IS NOT NULL
            ORDER BY entry.source, entry.confidence DESC, entry.external_id
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.lml_source_rows IS
        'The source rows that an answer of LML''s makes: entries without an id or a confidence left out, and of a '
        'source reported twice the surer one'
    """)
    _views(
        """
        SELECT
            answer.library_id,
            main.wikidata_qid,
            main.spotify_id,
            main.apple_music_id,
            answer.asked_at AS last_verified_at,
            main.method,
            main.confidence,
            'consumer:lml-bulk' AS notes,
            main.discogs_artist_id,
            main.musicbrainz_artist_id,
            main.bandcamp_id
        FROM identity_assets.lml_verdict AS answer
        CROSS JOIN LATERAL identity_assets.lml_main_row(answer.verdict) AS main
        WHERE answer.kind = 'single_artist' AND answer.rejected_reason IS NULL
    """,
        """
        SELECT
            answer.library_id,
            entry.source,
            entry.external_id,
            entry.method,
            entry.confidence,
            answer.asked_at AS last_verified_at,
            'consumer:lml-bulk' AS notes
        FROM identity_assets.lml_verdict AS answer
        CROSS JOIN LATERAL identity_assets.lml_source_rows(answer.verdict) AS entry
        WHERE answer.kind = 'single_artist' AND answer.rejected_reason IS NULL
    """,
    )


def _views(main_rows: str, source_rows: str) -> None:
    op.execute("DROP VIEW identity_assets.lml_identity")
    op.execute("DROP VIEW identity_assets.lml_identity_source")
    op.execute(f"CREATE VIEW identity_assets.lml_identity AS {main_rows}")
    op.execute(f"CREATE VIEW identity_assets.lml_identity_source AS {source_rows}")
    op.execute("COMMENT ON VIEW identity_assets.lml_identity IS 'The main row that each stored answer makes'")
    op.execute(
        "COMMENT ON VIEW identity_assets.lml_identity_source IS 'The source rows that each stored answer makes'"
    )


def downgrade() -> None:
    _views(
        """
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
    """,
        """
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
    """,
    )
    op.execute("DROP FUNCTION identity_assets.lml_source_rows")
    op.execute("DROP FUNCTION identity_assets.lml_main_row")
    op.execute("DROP FUNCTION identity_assets.candidate")
    op.execute("DROP TABLE identity_assets.library_write")
    op.execute("DROP TABLE identity_assets.lml_verdict_history")
    op.execute("ALTER TABLE identity_assets.lml_verdict DROP COLUMN unwound_at")
    # The older constraint knows no such outcome: a pass of before, which is begun anew by the next run.
    op.execute("DELETE FROM identity_assets.candidate_library WHERE outcome = 'unwound'")
    _outcomes_are(OUTCOMES)
