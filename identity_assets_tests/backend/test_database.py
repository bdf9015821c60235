"""Connections, locks and migrations, on a real PostgreSQL."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import make_url, text

from identity_assets.backend import database as database_module
from identity_assets.backend import revision
from identity_assets.backend.database import Database, DatabaseError, PartitionsBusyError, PartitionsLostError
from identity_assets.backend.migrate import (
    drop_functions_and_views,
    make_functions_and_views,
    migrate,
    take_down,
)
from identity_assets.backend.revision import NEWEST, require_migrated
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Settings, load_settings
from identity_assets_tests.support import END_THE_HOLDER, Shelf, statements_sent

OURS = (
    "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables "
    "WHERE table_schema IN ('identity_assets', 'wxyc_schema') ORDER BY 1"
)


def names(shelf: Shelf) -> set[str]:
    return {row["name"] for row in shelf.rows(OURS)}


@pytest.mark.promise("one at a time")
def test_a_partition_is_held_by_one_run_and_the_other_is_told_by_which(shelf: Shelf) -> None:
    with Database(shelf.settings, "run first") as first, Database(shelf.settings, "run second") as second:
        with (
            first.partitions_locked(Buckets(16, (3, 4))),
            second.partitions_locked(Buckets(16, (5,))),
            pytest.raises(
                PartitionsBusyError, match="partition 04 is being worked on by identity_assets run first"
            ),
            second.partitions_locked(Buckets(16, (4,))),
        ):
            pass
        with second.partitions_locked(Buckets(16, (3, 4, 5))):
            pass


@pytest.mark.promise("secrets")
def test_a_server_that_cannot_be_reached_is_one_line_without_the_password() -> None:
    nowhere = Settings(database_url=make_url("postgresql+psycopg2://u:hunter2@127.0.0.1:1/db"))
    with (
        Database(nowhere, "test") as database,
        pytest.raises(DatabaseError, match="PostgreSQL cannot be reached") as raised,
        database.transaction(),
    ):
        pass
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_migrations_go_up_and_down_and_leave_backends_tables_as_they_were(shelf: Shelf) -> None:
    columns = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'wxyc_schema' AND table_name LIKE 'library%' ORDER BY 1, ordinal_position"
    )
    library_id = shelf.put()
    before = shelf.rows(columns)
    assert migrate(shelf.database, "base")[1] is None
    down = names(shelf)
    assert "wxyc_schema.library" in down
    assert not {"wxyc_schema.library_unresolved", "identity_assets.candidate_library"} & down

    was, now = migrate(shelf.database)
    assert (was, now) == (None, NEWEST)
    assert migrate(shelf.database) == (now, now)
    assert {
        "wxyc_schema.library_unresolved",
        "identity_assets.candidate_library",
        "identity_assets.lml_verdict",
        "identity_assets.alembic_version",
    } <= names(shelf)
    assert shelf.rows(columns) == before
    assert shelf.rows("SELECT id FROM library") == [{"id": library_id}]


def test_a_database_without_backends_tables_is_refused_and_left_alone(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("not_backend", fresh=True)
    settings = Settings(database_url=make_url(postgres.url("not_backend")))
    with Database(settings, "test") as database:
        with pytest.raises(
            DatabaseError, match="not a Backend database: its schema lacks artists, library, "
        ):
            migrate(database)
        with database.transaction() as connection:
            schemas = connection.exec_driver_sql("SELECT nspname FROM pg_namespace").scalars().all()
        assert "identity_assets" not in schemas
        with pytest.raises(DatabaseError, match=r"at revision none.*identity-assets migrate"):
            require_migrated(database)


def test_a_migration_is_refused_while_a_run_works(shelf: Shelf) -> None:
    with (
        Database(shelf.settings, "run 7") as database,
        database.partitions_locked(Buckets(16, (3,))),
        pytest.raises(PartitionsBusyError, match=r"partition 03 is being worked on by identity_assets run 7"),
    ):
        migrate(shelf.database)
    migrate(shelf.database)


def test_functions_of_another_version_are_refused_until_they_are_made_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new version may change a function and no table. Without this, a run would end in the middle."""
    require_migrated(shelf.database)
    with monkeypatch.context() as other_version:
        other_version.setattr(
            revision, "function_files", lambda: iter(("CREATE FUNCTION of_another_version",))
        )
        with pytest.raises(DatabaseError, match=r"of another version.*identity-assets migrate"):
            require_migrated(shelf.database)
    shelf.run("COMMENT ON TABLE identity_assets.alembic_version IS NULL")
    with pytest.raises(DatabaseError, match=r"of another version.*identity-assets migrate"):
        require_migrated(shelf.database)
    migrate(shelf.database)
    require_migrated(shelf.database)


def test_another_schema_name_serves_as_well(shelf: Shelf) -> None:
    shelf.run("ALTER SCHEMA wxyc_schema RENAME TO elsewhere")
    with (
        Database(replace(shelf.settings, schema_name="elsewhere"), "test") as database,
        database.transaction() as connection,
    ):
        assert connection.exec_driver_sql("SELECT count(*) FROM library").scalar() == 0


REFUSED = [
    ("SELECT * FROM nowhere", {}, "42P01.*run `identity-assets migrate`"),
    ("SELECT nothing FROM library", {}, "42703.*run `identity-assets migrate`"),
    ("SELECT no_function()", {}, "42883.*run `identity-assets migrate`"),
    ("SELECT pg_sleep(5) /* :secret */", {"secret": "hunter2"}, "57014.*statement_timeout"),
    ("INSERT INTO artists (artist_name) VALUES (:secret)", {"secret": "hunter2"}, "42501.*lacks this right"),
    ("SELECT CAST(:secret AS integer)", {"secret": "hunter2"}, "22P02"),
]


def run_as_reader(shelf: Shelf, statement: str, params: dict[str, str]) -> None:
    """Run a statement as a role that may read library and nothing else, for at most 100 ms."""
    with shelf.database.transaction() as connection:
        connection.execute(text("CREATE ROLE reader"))
        connection.execute(text("GRANT USAGE ON SCHEMA wxyc_schema TO reader"))
        connection.execute(text("GRANT SELECT ON library TO reader"))
        connection.execute(text("SET LOCAL ROLE reader"))
        connection.execute(text("SET LOCAL statement_timeout = 100"))
        connection.execute(text(statement), params)


@pytest.mark.parametrize(("statement", "params", "said"), REFUSED)
def test_whatever_the_database_refuses_is_one_sentence_without_the_statement(
    shelf: Shelf, statement: str, params: dict[str, str], said: str
) -> None:
    with pytest.raises(DatabaseError, match=said) as raised:
        run_as_reader(shelf, statement, params)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert "[SQL" not in sentence
    assert "parameters" not in sentence
    assert raised.value.__cause__ is None


def read_with_little_patience(shelf: Shelf) -> None:
    with shelf.database.transaction() as connection:
        connection.execute(text("SET LOCAL lock_timeout = 50"))
        connection.execute(text("SELECT * FROM library_identity"))


def test_a_table_that_somebody_locks_is_one_sentence(shelf: Shelf) -> None:
    with Database(shelf.settings, "other") as other, other.transaction() as holding:
        holding.execute(text("LOCK TABLE library_identity"))
        with pytest.raises(DatabaseError, match=r"55P03.*lock_timeout"):
            read_with_little_patience(shelf)


def test_a_server_that_takes_no_writes_is_one_sentence(shelf: Shelf) -> None:
    with (
        Database(shelf.settings, "reader", read_only=True) as database,
        pytest.raises(DatabaseError, match=r"25006.*read only"),
        database.transaction() as connection,
    ):
        connection.execute(text("INSERT INTO artists (artist_name) VALUES ('A')"))


def test_the_schema_may_have_a_name_that_is_a_word_of_sql(shelf: Shelf) -> None:
    shelf.run('CREATE SCHEMA "user"')
    shelf.run('CREATE TABLE "user".artists (id integer)')
    with (
        Database(replace(shelf.settings, schema_name="user"), "test") as database,
        database.transaction() as connection,
    ):
        assert connection.execute(text("SELECT count(*) FROM artists")).scalar_one() == 0
        assert connection.execute(text("SELECT current_schema()")).scalar_one() == "user"


def write_artist(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO artists (artist_name) VALUES (:name)"), {"name": name})


@pytest.mark.promise("one at a time")
def test_a_run_whose_locks_connection_has_died_is_still_alone_and_opens_no_further_connection(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "SHARE_TIMEOUT", "300ms")
    both = Buckets(16, (3, 4))
    with Database(shelf.settings, "run first") as first, Database(shelf.settings, "run second") as second:
        with first.partitions_locked(both):
            write_artist(first, "while it is held")
            shelf.rows(END_THE_HOLDER)
            write_artist(first, "by a connection with a share")
            with (
                pytest.raises(
                    PartitionsBusyError, match="partition 03 is being worked on by identity_assets run first"
                ),
                second.partitions_locked(both),
            ):
                pass
            with (
                first.transaction(),
                pytest.raises(PartitionsLostError, match="no further connection may write") as raised,
            ):
                write_artist(first, "by a new connection")
        assert "\n" not in str(raised.value)
        with second.partitions_locked(both):
            write_artist(second, "by the other")
            # The first run holds nothing any more, and so is not asked.
            write_artist(first, "outside")
    assert [row["artist_name"] for row in shelf.rows("SELECT artist_name FROM artists ORDER BY id")] == [
        "while it is held",
        "by a connection with a share",
        "by the other",
        "outside",
    ]


def test_a_connection_asks_for_its_share_once(shelf: Shelf) -> None:
    with shelf.database.partitions_locked(Buckets(16, (3,))), statements_sent() as sent:
        for n in range(3):
            write_artist(shelf.database, f"artist {n}")
    assert ["pg_try_advisory_lock_shared" in statement for statement in sent] == [True, False, False, False]


def test_a_new_connection_has_no_share_once_another_run_waits(shelf: Shelf) -> None:
    one = Buckets(16, (7,))
    with Database(shelf.settings, "run first") as first, Database(shelf.settings, "run second") as second:
        with ThreadPoolExecutor(1) as executor, first.partitions_locked(one), first.transaction():
            shelf.rows(END_THE_HOLDER)
            waiting = executor.submit(begin, second, one)
            while not shelf.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                time.sleep(0.01)
            with pytest.raises(PartitionsLostError):
                write_artist(first, "beside it")
            assert not waiting.done()
        assert waiting.result(30) == []


def begin(database: Database, buckets: Buckets) -> list[str]:
    with database.partitions_locked(buckets), database.transaction() as connection:
        return list(connection.execute(text("SELECT artist_name FROM artists")).scalars())


def test_the_next_holder_waits_for_the_last_transaction_of_the_holder_before(shelf: Shelf) -> None:
    one = Buckets(16, (7,))
    with (
        Database(shelf.settings, "run first") as first,
        Database(shelf.settings, "run second") as second,
        ThreadPoolExecutor(1) as executor,
    ):
        with first.partitions_locked(one), first.transaction() as connection:
            connection.execute(text("INSERT INTO artists (artist_name) VALUES ('in flight')"))
            shelf.rows(END_THE_HOLDER)
            begun = executor.submit(begin, second, one)
            time.sleep(0.5)
            assert not begun.done()
        assert begun.result(30) == ["in flight"]


def test_the_connection_that_holds_the_locks_is_kept_alive(shelf: Shelf) -> None:
    with shelf.database.partitions_locked(Buckets(16, (1,))), shelf.database._lock_connection() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        assert {"keepalives": "1", "keepalives_idle": "30"}.items() <= raw.get_dsn_parameters().items()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_session_has_its_settings_and_compiles_nothing(shelf: Shelf, read_only: bool) -> None:
    expected = {
        "jit": "off",
        "work_mem": "64MB",
        "TimeZone": "UTC",
        "lock_timeout": "1min",
        "search_path": '"wxyc_schema", identity_assets',
        "application_name": "identity_assets run first",
        "default_transaction_read_only": "on" if read_only else "off",
    }
    with (
        Database(shelf.settings, "run first", read_only=read_only) as database,
        database.transaction() as connection,
    ):
        found = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in expected}
    assert found == expected


@pytest.mark.parametrize(("of_role", "of_session"), [("32MB", "64MB"), ("1GB", "1GB")])
def test_a_session_has_at_least_the_memory_for_its_joins(shelf: Shelf, of_role: str, of_session: str) -> None:
    url = shelf.settings.require_database_url().update_query_dict({"options": f"-c work_mem={of_role}"})
    with (
        Database(replace(shelf.settings, database_url=url), "run") as database,
        database.transaction() as one,
    ):
        assert one.execute(text("SHOW work_mem")).scalar_one() == of_session


def test_a_migration_waits_for_another_one(shelf: Shelf) -> None:
    with ThreadPoolExecutor(4) as executor:
        ended = list(executor.map(lambda _: migrate(shelf.database, "base"), range(2)))
        ended += executor.map(lambda _: migrate(shelf.database), range(4))
    head = ended[-1][1]
    assert head is not None
    assert sorted(map(str, ended)) == sorted(
        map(str, [(head, None), (None, None), (None, head), *[(head, head)] * 3])
    )


def test_everything_is_taken_down_only_while_nobody_works(shelf: Shelf) -> None:
    with Database(shelf.settings, "run first") as first:
        with (
            first.partitions_locked(Buckets(32, (17,))),
            pytest.raises(
                PartitionsBusyError, match="partition 17 is being worked on by identity_assets run first"
            ),
        ):
            take_down(shelf.database)
        assert shelf.rows("SELECT 1 FROM candidate_library") == []
        assert take_down(shelf.database)[1] is None


@pytest.mark.promise("one at a time")
@pytest.mark.parametrize("act", [migrate, take_down])
def test_a_run_whose_locks_connection_has_died_keeps_its_functions(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, act: Callable[[Database], object]
) -> None:
    monkeypatch.setattr(database_module, "SHARE_TIMEOUT", "300ms")
    with Database(shelf.settings, "run first") as first:
        with first.partitions_locked(Buckets(16, (3,))):
            write_artist(first, "while it is held")
            shelf.rows(END_THE_HOLDER)
            with pytest.raises(
                PartitionsBusyError, match="partition 03 is being worked on by identity_assets run first"
            ):
                act(shelf.database)
            write_artist(first, "by a connection with a share")
        act(shelf.database)
    assert len(shelf.rows("SELECT 1 FROM artists")) == 2


def test_a_statement_whose_function_a_migration_replaces_is_one_sentence(shelf: Shelf) -> None:
    def read() -> None:
        with Database(shelf.settings, "reader") as reader, reader.transaction() as connection:
            connection.execute(text("SELECT count(*) FROM leg_main('{}'), artists"))

    with ThreadPoolExecutor(1) as executor:
        with shelf.database.transaction() as connection:
            connection.execute(text("LOCK TABLE artists"))
            reading = executor.submit(read)
            while not shelf.rows(
                "SELECT 1 FROM pg_locks WHERE relation = 'artists'::regclass AND NOT granted"
            ):
                time.sleep(0.01)
            drop_functions_and_views(connection)
            make_functions_and_views(connection)
        with pytest.raises(DatabaseError, match=r"XX000.*run again: `identity-assets migrate` may just have"):
            reading.result(30)


@pytest.mark.parametrize("act", [migrate, take_down])
def test_a_migration_of_a_server_that_takes_no_writes_is_one_sentence(
    shelf: Shelf, act: Callable[[Database], object]
) -> None:
    with (
        Database(shelf.settings, "reader", read_only=True) as database,
        pytest.raises(DatabaseError, match=r"^PostgreSQL said: .*25006.*read only") as raised,
    ):
        act(database)
    assert "\n" not in str(raised.value)


PRINTED = "".join(map(chr, range(33, 127)))


@pytest.mark.parametrize("password", [PRINTED, PRINTED[::-1], "' OR 1=1 --", "%41", "a b"])
def test_a_password_reaches_the_server_as_it_is(shelf: Shelf, password: str) -> None:
    url = shelf.settings.require_database_url().set(password=password)
    settings = load_settings({"DATABASE_URL": url.render_as_string(hide_password=False)})
    with Database(settings, "test") as database, database.transaction() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        assert raw.info.password == password


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://u:hunter2@[::1]:1/d", 'connection to server at "::1", port 1 failed'),
        (
            "postgresql://u:hunter2@no-such-host.invalid/d",
            'could not translate host name "no-such-host.invalid"',
        ),
        ("postgresql://u:hunter2@/d?host=/nowhere", "/nowhere/.s.PGSQL.5432"),
        ("postgresql://u:hunter2@127.0.0.1:1/d?sslmode=nonsense", 'invalid sslmode value: "nonsense"'),
        ("postgresql://u:hunter2@127.0.0.1:1/d?sslmod=require", 'invalid connection option "sslmod"'),
        ("postgresql://u:hunter2@127.0.0.1:1/d?sslmode=require", "port 1 failed"),
        ("postgresql://u:hunter2@127.0.0.1:1/d?sslrootcert=/no.pem&sslmode=verify-full", "failed"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line_without_the_password(address: str, said: str) -> None:
    settings = load_settings({"DATABASE_URL": address})
    with Database(settings, "test") as database:
        for use in (database.transaction, lambda: database.partitions_locked(Buckets(16, (1,)))):
            with pytest.raises(DatabaseError) as raised, use():
                pass
            assert said in str(raised.value)
            assert "hunter2" not in str(raised.value)
            assert "\n" not in str(raised.value)
