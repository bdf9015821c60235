"""The evidence of the two older legs, and what the identity tables come to once it is reflected.

The chain of functions is the one place where this is worked out: the writer, the dry run and the taking back of a
leg all read it. Each takes the library rows to look at, and may be given a `pending_leg` with its evidence
(`pending`, a JSON array) in place of what is stored of it; an empty array is the leg taken back.

Release ids are text in the source table and integers in the main row; one that is no integer pins nothing.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ARGUMENTS = "library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL"
GIVEN = "library_ids, pending_leg, pending"
SIGNATURE = "(integer[], text, jsonb)"


def upgrade() -> None:
    _create_tables()
    _create_evidence_functions()
    _create_composition_functions()
    _create_main_row_functions()


def _create_tables() -> None:
    op.execute("""
        CREATE TABLE identity_assets.leg_evidence (
            library_id         integer NOT NULL,
            leg                text NOT NULL CHECK (leg IN ('S1', 'S3')),
            source             text NOT NULL CHECK (source IN ('discogs_master', 'discogs_release')),
            external_id        text NOT NULL,
            method             text NOT NULL,
            confidence         real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
            verified_at        timestamptz NOT NULL,
            run_id             text NOT NULL,
            checked_release_id integer,
            checked_master_id  integer,
            refused_reason     text,
            PRIMARY KEY (library_id, leg, source),
            UNIQUE (library_id, leg)
        )
    """)
    op.execute("""
        CREATE INDEX leg_evidence_refused_idx ON identity_assets.leg_evidence (library_id)
        WHERE refused_reason IS NOT NULL
    """)
    op.execute("""
        COMMENT ON TABLE identity_assets.leg_evidence IS
        'What the legs S1 (canonical_entity_id) and S3 (flowsheet_match) pin each library row to'
    """)
    op.execute("""
        COMMENT ON COLUMN identity_assets.leg_evidence.checked_master_id IS
        'The master to which the discogs-cache says checked_release_id belongs: the release that either leg pins'
    """)
    op.execute("""
        CREATE TABLE identity_assets.leg_gathered (
            leg        text NOT NULL,
            partitions integer NOT NULL,
            bucket     integer NOT NULL,
            PRIMARY KEY (leg, partitions, bucket)
        )
    """)
    op.execute("""
        COMMENT ON TABLE identity_assets.leg_gathered IS
        'Where a leg has ever been gathered: only there does no evidence mean that its source rows have to go'
    """)
    op.execute("""
        CREATE TABLE identity_assets.leg_filled (
            library_id         integer PRIMARY KEY,
            discogs_master_id  integer,
            discogs_release_id integer,
            pinned_manual      boolean NOT NULL
        )
    """)
    op.execute("""
        COMMENT ON TABLE identity_assets.leg_filled IS
        'What the legs put into each main row, so that it can be told from what others put there'
    """)
    op.execute("ALTER TABLE identity_assets.library_write ADD COLUMN filled_before jsonb")
    op.execute("""
        CREATE FUNCTION identity_assets.library_as_it_stands(library_ids integer[])
        RETURNS TABLE (
            library_id integer, main_before jsonb, sources_before jsonb, attempt_before jsonb, filled_before jsonb,
            xids bigint[]
        )
        LANGUAGE sql STABLE
        AS $$
            SELECT
                asked.library_id,
                CASE WHEN main.xmin <> CAST(pg_current_xact_id() AS xid) THEN to_jsonb(main) END,
                (
                    SELECT jsonb_agg(to_jsonb(evidence) ORDER BY evidence.source)
                    FROM library_identity_source AS evidence
                    WHERE evidence.library_id = asked.library_id
                ),
                to_jsonb(attempt),
                to_jsonb(filled),
                ARRAY[CAST(CAST(pg_current_xact_id() AS text) AS bigint) % 4294967296]
            FROM unnest(library_ids) AS asked (library_id)
            LEFT JOIN library_identity AS main ON main.library_id = asked.library_id
            LEFT JOIN library_unresolved AS attempt ON attempt.library_id = asked.library_id
            LEFT JOIN identity_assets.leg_filled AS filled ON filled.library_id = asked.library_id
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.library_as_it_stands IS
        'Each library row as library_write remembers it; main rows of the transaction that asks are new, and so none'
    """)


def _create_evidence_functions() -> None:
    op.execute(f"""
        CREATE FUNCTION identity_assets.leg_evidence_of({ARGUMENTS})
        RETURNS TABLE (
            library_id integer, leg text, source text, external_id text, method text, confidence real,
            verified_at timestamptz, checked_release_id integer, checked_master_id integer
        )
        LANGUAGE sql STABLE
        AS $$
            SELECT
                stored.library_id, stored.leg, stored.source, stored.external_id, stored.method,
                stored.confidence, stored.verified_at, stored.checked_release_id, stored.checked_master_id
            FROM identity_assets.leg_evidence AS stored
            WHERE stored.library_id = ANY (library_ids)
              AND stored.leg IS DISTINCT FROM pending_leg
            UNION ALL
            SELECT
                found.library_id, pending_leg, found.source, found.external_id, found.method, found.confidence,
                coalesce(found.verified_at, stored.verified_at, now()),
                found.checked_release_id, found.checked_master_id
            FROM jsonb_to_recordset(pending) AS found (
                library_id integer, source text, external_id text, method text, confidence real,
                verified_at timestamptz, checked_release_id integer, checked_master_id integer
            )
            LEFT JOIN identity_assets.leg_evidence AS stored
                ON (stored.library_id, stored.leg, stored.source, stored.external_id, stored.method,
                    stored.confidence)
                 = (found.library_id, pending_leg, found.source, found.external_id, found.method, found.confidence)
            WHERE found.library_id = ANY (library_ids)
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_evidence_of IS
        'The evidence of the legs, one row a leg and library row'
    """)
    op.execute(f"""
        CREATE FUNCTION identity_assets.leg_pair({ARGUMENTS})
        RETURNS TABLE (library_id integer, same_entity boolean, is_conflict boolean, weakest real)
        LANGUAGE sql STABLE
        AS $$
            SELECT
                one.library_id,
                (one.source, one.external_id) = (three.source, three.external_id),
                CASE
                    WHEN one.source = three.source THEN one.external_id <> three.external_id
                    WHEN one.source = 'discogs_release'
                    THEN coalesce(
                        CAST(three.checked_release_id AS text) = one.external_id
                            AND CAST(three.checked_master_id AS text) <> three.external_id,
                        false
                    )
                    ELSE coalesce(
                        CAST(three.checked_release_id AS text) = three.external_id
                            AND CAST(three.checked_master_id AS text) <> one.external_id,
                        false
                    )
                END,
                least(one.confidence, three.confidence)
            FROM identity_assets.leg_evidence_of({GIVEN}) AS one
            JOIN identity_assets.leg_evidence_of({GIVEN}) AS three
                ON three.library_id = one.library_id AND three.leg = 'S3'
            WHERE one.leg = 'S1'
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_pair IS
        'The library rows that both legs pin: whether they name one entity, or contradict each other'
    """)
    op.execute(f"""
        CREATE FUNCTION identity_assets.leg_source({ARGUMENTS})
        RETURNS TABLE (
            library_id integer, source text, external_id text, method text, confidence real,
            last_verified_at timestamptz, boost_sources text, notes text, weakest real, witnesses integer,
            corroborates boolean
        )
        LANGUAGE sql STABLE
        AS $$
            SELECT DISTINCT ON (evidence.library_id, evidence.source)
                evidence.library_id, evidence.source, evidence.external_id, evidence.method, evidence.confidence,
                evidence.verified_at,
                CASE WHEN pair.same_entity THEN 'backfill:S1,backfill:S3' END,
                'backfill:' || evidence.leg,
                CASE WHEN pair.same_entity THEN pair.weakest ELSE evidence.confidence END,
                CASE WHEN pair.same_entity THEN 2 ELSE 1 END,
                coalesce(NOT pair.is_conflict, false)
            FROM identity_assets.leg_evidence_of({GIVEN}) AS evidence
            LEFT JOIN identity_assets.leg_pair({GIVEN}) AS pair ON pair.library_id = evidence.library_id
            ORDER BY evidence.library_id, evidence.source, evidence.confidence DESC, evidence.leg
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_source IS
        'The source rows that the evidence makes: of two ids of one kind the surer stands, then that of S1'
    """)


def _create_composition_functions() -> None:
    op.execute(f"""
        CREATE FUNCTION identity_assets.leg_standing({ARGUMENTS})
        RETURNS TABLE (
            library_id integer, source text, external_id text, method text, confidence real,
            last_verified_at timestamptz, boost_sources text, notes text, weakest real, witnesses integer,
            corroborates boolean, is_leg boolean
        )
        LANGUAGE sql STABLE
        AS $$
            WITH desired AS MATERIALIZED (
                SELECT * FROM identity_assets.leg_source({GIVEN})
            ),
            stored AS MATERIALIZED (
                SELECT
                    held.*,
                    held.method <> 'manual' AND coalesce(held.notes IN ('backfill:S1', 'backfill:S3'), false)
                        AS is_leg
                FROM library_identity_source AS held
                WHERE held.library_id = ANY (library_ids)
            )
            SELECT desired.*, true
            FROM desired
            WHERE NOT EXISTS (
                SELECT
                FROM stored
                WHERE stored.library_id = desired.library_id
                  AND stored.source = desired.source
                  AND NOT stored.is_leg
            )
            UNION ALL
            SELECT
                stored.library_id, stored.source, stored.external_id, stored.method, stored.confidence,
                stored.last_verified_at, stored.boost_sources, stored.notes, stored.confidence, 1,
                stored.boost_sources IS NOT NULL, false
            FROM stored
            WHERE NOT stored.is_leg
              AND (stored.method = 'manual' OR stored.notes IS DISTINCT FROM 'consumer:lml-bulk')
            UNION ALL
            SELECT
                stored.library_id, stored.source, stored.external_id, stored.method, stored.confidence,
                stored.last_verified_at, stored.boost_sources, stored.notes, stored.confidence, 1,
                stored.boost_sources IS NOT NULL, true
            FROM stored
            WHERE stored.is_leg
              AND right(stored.notes, 2) IS DISTINCT FROM pending_leg
              AND NOT EXISTS (
                  SELECT
                  FROM desired
                  WHERE desired.library_id = stored.library_id AND desired.source = stored.source
              )
              AND NOT EXISTS (
                  SELECT
                  FROM identity_assets.leg_gathered AS gathered
                  WHERE gathered.leg = right(stored.notes, 2)
                    AND stored.library_id % gathered.partitions = gathered.bucket
              )
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_standing IS
        'The source rows that stand once the evidence is reflected, but for those of LML, which composes them itself'
    """)
    op.execute(f"""
        CREATE FUNCTION identity_assets.leg_composed({ARGUMENTS})
        RETURNS TABLE (
            library_id integer, method text, confidence real, agreement_sources text, last_verified_at timestamptz,
            notes text, discogs_master_id integer, discogs_release_id integer, leg_master_id integer,
            leg_release_id integer
        )
        LANGUAGE sql STABLE
        AS $$
            SELECT
                judged.library_id,
                CASE
                    WHEN bool_or(judged.method = 'manual') THEN 'manual'
                    WHEN sum(judged.witnesses) FILTER (WHERE judged.agrees) >= 2 THEN 'cross_source_agreement'
                    ELSE (array_agg(judged.method ORDER BY judged.confidence, judged.source COLLATE "C")
                        FILTER (WHERE judged.is_usable))[1]
                END,
                CASE
                    WHEN bool_or(judged.method = 'manual') THEN CAST(1 AS real)
                    WHEN sum(judged.witnesses) FILTER (WHERE judged.agrees) >= 2
                    THEN greatest(CAST(0.95 AS real), min(judged.weakest) FILTER (WHERE judged.agrees))
                    ELSE min(judged.confidence) FILTER (WHERE judged.is_usable)
                END,
                CASE
                    WHEN bool_or(judged.method = 'manual') THEN NULL
                    WHEN sum(judged.witnesses) FILTER (WHERE judged.agrees) >= 2
                    THEN string_agg(judged.source, ',' ORDER BY judged.source COLLATE "C")
                        FILTER (WHERE judged.agrees)
                END,
                max(judged.last_verified_at) FILTER (WHERE judged.is_usable OR judged.method = 'manual'),
                min(judged.notes) FILTER (WHERE judged.is_leg AND judged.is_usable),
                max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_master'),
                max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_release'),
                max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_master' AND judged.is_leg),
                max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_release' AND judged.is_leg)
            FROM (
                SELECT
                    weighed.*,
                    weighed.is_usable
                        AND weighed.method <> 'inherited'
                        AND weighed.corroborates AS agrees,
                    CASE
                        WHEN weighed.is_leg AND NOT weighed.corroborates AND weighed.place > 1 THEN NULL
                        WHEN NOT weighed.is_usable AND weighed.method <> 'manual' THEN NULL
                        WHEN weighed.external_id ~ '^[1-9][0-9]{{0,8}}$' THEN CAST(weighed.external_id AS integer)
                        WHEN weighed.external_id ~ '^[12][0-9]{{9}}$'
                            AND weighed.external_id COLLATE "C" <= '2147483647'
                        THEN CAST(weighed.external_id AS integer)
                    END AS pinned_id
                FROM (
                    SELECT
                        standing.*,
                        standing.confidence >= CAST(0.70 AS real) AS is_usable,
                        row_number() OVER (
                            PARTITION BY standing.library_id, standing.is_leg
                            ORDER BY standing.confidence DESC, standing.notes, standing.source COLLATE "C"
                        ) AS place
                    FROM identity_assets.leg_standing({GIVEN}) AS standing
                ) AS weighed
            ) AS judged
            GROUP BY judged.library_id
            HAVING bool_or(judged.is_leg AND judged.is_usable)
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_composed IS
        'The main row that source rows make where a leg''s is among them: the rules 1 to 6 of legs/composition.py'
    """)


def _create_main_row_functions() -> None:
    op.execute("""
        CREATE FUNCTION identity_assets.leg_writable(library_ids integer[])
        RETURNS TABLE (library_id integer)
        LANGUAGE sql STABLE
        AS $$
            SELECT library.id
            FROM library
            LEFT JOIN library_identity AS main
                ON main.library_id = library.id AND main.library_id = ANY (library_ids)
            LEFT JOIN identity_assets.leg_filled AS filled
                ON filled.library_id = library.id AND filled.library_id = ANY (library_ids)
            WHERE library.id = ANY (library_ids)
              AND (
                  main.library_id IS NULL
                  OR main.method <> 'manual'
                  OR (
                      main.notes IN ('backfill:S1', 'backfill:S3')
                      AND filled.pinned_manual
                      AND (main.discogs_master_id, main.discogs_release_id)
                          IS NOT DISTINCT FROM (filled.discogs_master_id, filled.discogs_release_id)
                  )
              )
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_writable IS
        'The library rows whose main row is no person''s decision, as one that a leg pinned to a manual source row'
    """)
    op.execute(f"""
        CREATE FUNCTION identity_assets.leg_main({ARGUMENTS})
        RETURNS TABLE (
            library_id integer, existed boolean, stands boolean, is_changed boolean,
            method text, confidence real, agreement_sources text, notes text, last_verified_at timestamptz,
            is_verified_anew boolean, discogs_master_id integer, discogs_release_id integer,
            filled_master_id integer, filled_release_id integer
        )
        LANGUAGE sql STABLE
        AS $$
            SELECT
                after.library_id, after.existed, after.is_composed OR NOT after.is_made,
                after.existed
                    AND (
                        NOT after.is_composed AND after.is_made
                        OR (
                            after.old_method, after.old_confidence, after.old_agreement_sources, after.old_notes,
                            after.old_master_id, after.old_release_id
                        ) IS DISTINCT FROM (
                            after.method, after.confidence, after.agreement_sources, after.notes,
                            after.discogs_master_id, after.discogs_release_id
                        )
                    ),
                after.method, after.confidence, after.agreement_sources, after.notes, after.last_verified_at,
                after.last_verified_at IS DISTINCT FROM after.old_verified_at,
                after.discogs_master_id, after.discogs_release_id,
                CASE WHEN after.is_made OR after.owns_master THEN after.discogs_master_id END,
                CASE WHEN after.is_made OR after.owns_release THEN after.discogs_release_id END
            FROM (
                SELECT
                    before.*,
                    CASE WHEN is_made THEN composed.method ELSE old_method END AS method,
                    CASE WHEN is_made THEN composed.confidence ELSE old_confidence END AS confidence,
                    CASE WHEN is_made THEN composed.agreement_sources ELSE old_agreement_sources END
                        AS agreement_sources,
                    CASE WHEN is_made THEN composed.notes ELSE old_notes END AS notes,
                    CASE WHEN is_made THEN composed.last_verified_at ELSE old_verified_at END AS last_verified_at,
                    CASE
                        WHEN is_made THEN composed.discogs_master_id
                        WHEN owns_master THEN composed.leg_master_id
                        ELSE old_master_id
                    END AS discogs_master_id,
                    CASE
                        WHEN is_made THEN composed.discogs_release_id
                        WHEN owns_release THEN composed.leg_release_id
                        ELSE old_release_id
                    END AS discogs_release_id,
                    composed.library_id IS NOT NULL AS is_composed
                FROM (
                    SELECT
                        asked.library_id,
                        old.library_id IS NOT NULL AS existed,
                        old.library_id IS NULL
                            OR coalesce(old.notes IN ('backfill:S1', 'backfill:S3'), false) AS is_made,
                        old.discogs_master_id IS NULL OR old.discogs_master_id = filled.discogs_master_id
                            AS owns_master,
                        old.discogs_release_id IS NULL OR old.discogs_release_id = filled.discogs_release_id
                            AS owns_release,
                        old.method AS old_method, old.confidence AS old_confidence, old.notes AS old_notes,
                        old.agreement_sources AS old_agreement_sources, old.last_verified_at AS old_verified_at,
                        old.discogs_master_id AS old_master_id, old.discogs_release_id AS old_release_id
                    FROM unnest(library_ids) AS asked (library_id)
                    LEFT JOIN library_identity AS old
                        ON old.library_id = asked.library_id AND old.library_id = ANY (library_ids)
                    LEFT JOIN identity_assets.leg_filled AS filled
                        ON filled.library_id = asked.library_id AND filled.library_id = ANY (library_ids)
                ) AS before
                LEFT JOIN identity_assets.leg_composed({GIVEN}) AS composed ON composed.library_id = before.library_id
            ) AS after
            WHERE after.existed OR after.is_composed
        $$
    """)
    op.execute("""
        COMMENT ON FUNCTION identity_assets.leg_main IS
        'The main rows as they stand once the evidence is reflected, beside whether they existed and change. A row '
        'that a leg did not make keeps all but the release columns that are empty or that a leg has filled'
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION identity_assets.library_as_it_stands (integer[])")
    op.execute("ALTER TABLE identity_assets.library_write DROP COLUMN filled_before")
    op.execute("DROP FUNCTION identity_assets.leg_writable (integer[])")
    for name in ("leg_main", "leg_composed", "leg_standing", "leg_source", "leg_pair", "leg_evidence_of"):
        op.execute(f"DROP FUNCTION identity_assets.{name} {SIGNATURE}")
    for name in ("leg_filled", "leg_gathered", "leg_evidence"):
        op.execute(f"DROP TABLE identity_assets.{name}")
