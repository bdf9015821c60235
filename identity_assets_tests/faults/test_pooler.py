"""Behind pgbouncer: session mode works, and transaction mode is refused before anything is done."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg2
import pytest

from identity_assets.backend.database import Database, PartitionsBusyError
from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.legs.discogs_cache import DiscogsCache
from identity_assets.pooler import PoolerError
from identity_assets.settings import Settings
from identity_assets_tests.faults.pgbouncer import MISSING, PGBOUNCER, pgbouncer
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import EVERY_BUCKET, Shelf
from identity_assets_tests.terminal.calling import call_here, clean_env

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason=MISSING)


@contextmanager
def pooled(shelf: Shelf, pool_mode: str, **settings: str) -> Iterator[Settings]:
    """The shelf's settings, with the address of a pgbouncer in this mode."""
    with pgbouncer(shelf.settings.require_database_url(), pool_mode, **settings) as through:
        yield replace(shelf.settings, database_url=through)


def environment(pooled: Settings, lml: FixtureLmlThread) -> dict[str, str]:
    return clean_env(
        DATABASE_URL=pooled.require_database_url().render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=lml.url,
    )


def sessions(shelf: Shelf) -> list[str]:
    """What the pool's sessions in the server are called."""
    rows = shelf.rows(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return [row["application_name"] for row in rows]


def test_in_session_mode_a_whole_run_works_and_partitions_are_held(
    shelf: Shelf, lml: FixtureLmlThread
) -> None:
    shelf.put_many([f"Known {n}" for n in range(40)])
    with pooled(shelf, "session") as settings:
        with (
            Database(settings, "run first") as first,
            Database(settings, "run second") as second,
            first.partitions_locked(EVERY_BUCKET),
            pytest.raises(PartitionsBusyError, match="identity_assets run first"),
            second.partitions_locked(EVERY_BUCKET),
        ):
            pass
        env = environment(settings, lml)
        ended = call_here("run", "--scope", "full", "--json", env={**env, "BATCH_SIZE": "5"})
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["resolved"] == 40
        assert call_here("replay", env=env).returncode == 0
        assert call_here("gate", env=env).returncode == 0
    assert len(shelf.tables()["main"]) == 40


COMMANDS = [
    ("migrate",),
    ("run", "--scope", "full"),
    ("dry-run", "--scope", "full"),
    ("replay",),
    ("unwind", "--library-id", "1", "--yes"),
    ("gate",),
    ("status",),
]


@pytest.mark.parametrize("server_round_robin", ["0", "1"])
def test_in_transaction_mode_every_command_is_refused_in_one_line_and_leaves_no_setting_in_the_pool(
    shelf: Shelf, lml: FixtureLmlThread, server_round_robin: str
) -> None:
    shelf.put("Known 1")
    with pooled(shelf, "transaction", server_round_robin=server_round_robin) as settings:
        for command in COMMANDS:
            ended = call_here(*command, env=environment(settings, lml))
            assert ended.returncode != 0
            [line] = [one for one in ended.stderr.splitlines() if one.startswith("identity-assets: ")]
            assert "pooler in transaction mode" in line, line
            assert "Traceback" not in ended.stderr
        assert not any(
            "identity_assets" in name for name in sessions(shelf) if name != "identity_assets test"
        )
        address = settings.require_database_url()
        with (
            psycopg2.connect(
                host=address.host, port=address.port, user="postgres", dbname=address.database
            ) as other,
            other.cursor() as cursor,
        ):
            for setting in ("search_path", "lock_timeout", "default_transaction_read_only"):
                cursor.execute("SELECT setting = reset_val FROM pg_settings WHERE name = %s", (setting,))
                assert cursor.fetchall() == [(True,)]
        other.close()
    assert lml.calls.number == 0
    assert shelf.outcomes() == {}


@pytest.mark.parametrize("others", [0, 1, 5])
def test_transaction_mode_is_noticed_however_many_sessions_the_pool_has(shelf: Shelf, others: int) -> None:
    with pooled(shelf, "transaction") as settings:
        address = settings.require_database_url()
        opened = [
            psycopg2.connect(host=address.host, port=address.port, user="postgres", dbname=address.database)
            for _ in range(others)
        ]
        for one in opened:
            with one.cursor() as cursor:
                cursor.execute("SELECT 1")
        for one in opened:
            one.commit()
        for _ in range(20):
            with (
                Database(settings, "test") as database,
                pytest.raises(PoolerError, match="transaction mode"),
                database.transaction(),
            ):
                pass
        for one in opened:
            one.close()


def test_in_statement_mode_every_command_fails_in_one_line(shelf: Shelf, lml: FixtureLmlThread) -> None:
    shelf.put("Known 1")
    with pooled(shelf, "statement") as settings:
        for command in COMMANDS:
            ended = call_here(*command, env=environment(settings, lml))
            assert ended.returncode != 0
            [line] = [one for one in ended.stderr.splitlines() if one.startswith("identity-assets: ")]
            assert "DATABASE_URL leads to a pooler that ends a connection where a transaction begins" in line
            assert "Traceback" not in ended.stderr
    assert lml.calls.number == 0
    assert shelf.outcomes() == {}


def test_a_discogs_cache_behind_a_pooler_in_transaction_mode_is_refused_too(cache: Cache) -> None:
    own = cache.settings.require_database_url_discogs()
    with (
        pgbouncer(own, "transaction") as through,
        pytest.raises(PoolerError, match=r"^DATABASE_URL_DISCOGS leads to a pooler in transaction mode"),
        DiscogsCache(replace(cache.settings, database_url_discogs=through), "test").snapshot(),
    ):
        pass
    with (
        pgbouncer(own, "session") as through,
        DiscogsCache(replace(cache.settings, database_url_discogs=through), "test").snapshot() as snapshot,
    ):
        assert list(snapshot.pairs()) == []


def test_a_pool_of_one_session_is_one_line(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity_assets.pooler._WAIT_SECONDS", 0.3)
    with (
        pooled(shelf, "session", default_pool_size="1") as settings,
        Database(settings, "test") as database,
        pytest.raises(PoolerError, match="no second connection within"),
        database.transaction(),
    ):
        pass
