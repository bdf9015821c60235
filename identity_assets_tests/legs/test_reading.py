"""Reading the discogs-cache while somebody rebuilds it: one consistent snapshot, or one clear sentence."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from identity_assets.gathering import gather
from identity_assets.legs.discogs_cache import DiscogsCache, DiscogsCacheError
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import EVERY_BUCKET, Shelf


@contextmanager
def rebuilding(cache: Cache) -> Iterator[Connection]:
    """A transaction of the job that rebuilds the cache, committed at the end."""
    engine = create_engine(cache.settings.require_database_url_discogs())
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def reader(cache: Cache, **changes: Any) -> DiscogsCache:
    return DiscogsCache(replace(cache.settings, **changes), "test")


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def await_lock(cache: Cache, pattern: str) -> None:
    """Wait until a session of this database waits for a lock in a statement that matches."""
    for _ in range(200):
        waiting = cache.rows(
            "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        if any(pattern in row["query"] for row in waiting):
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody waits in {pattern}")


def test_a_snapshot_is_read_only_repeatable_and_has_timeouts_of_its_own(cache: Cache) -> None:
    chosen = reader(cache, discogs_read_timeout_seconds=120, discogs_lock_timeout_seconds=2.5)
    with chosen.snapshot() as snapshot:
        shown = {
            name: snapshot._connection.execute(text(f"SHOW {name}")).scalar()
            for name in (
                "transaction_read_only",
                "transaction_isolation",
                "statement_timeout",
                "lock_timeout",
            )
        }
    assert shown == {
        "transaction_read_only": "on",
        "transaction_isolation": "repeatable read",
        "statement_timeout": "2min",
        "lock_timeout": "2500ms",
    }


@pytest.mark.parametrize("rematerialises", [False, True])
def test_rows_that_are_committed_in_the_middle_are_not_seen(cache: Cache, rematerialises: bool) -> None:
    cache.match("a", "b", 1, 7, 5)
    cache.release(5, 7, "B", "A")
    with reader(cache, flowsheet_match_rematerialise=rematerialises).snapshot() as snapshot:
        before = list(snapshot.releases() if rematerialises else snapshot.pairs())
        cache.run("DELETE FROM wxyc.flowsheet_match")
        cache.run("DELETE FROM wxyc.release_artist")
        cache.run("UPDATE wxyc.release SET master_id = 8, not_found = true")
        assert list(snapshot.releases() if rematerialises else snapshot.pairs()) == before
        assert snapshot.masters_of({5}) == {5: 7}
        assert snapshot.releases_of({5})[5].artists == ("A",)


SWAP = (
    "ALTER TABLE wxyc.release_artist RENAME TO release_artist_old",
    "CREATE TABLE wxyc.release_artist AS SELECT release_id, 'New' AS artist_name, 0 AS extra "
    "FROM wxyc.release_artist_old",
)


def test_a_swap_by_rename_waits_until_the_snapshot_is_read(cache: Cache) -> None:
    cache.release(5, 7, "One", "Old")
    swapped = threading.Event()

    def swap() -> None:
        with rebuilding(cache) as connection:
            for statement in SWAP:
                connection.execute(text(statement))
        swapped.set()

    with reader(cache, flowsheet_match_rematerialise=True).snapshot() as snapshot:
        thread = in_thread(swap)
        await_lock(cache, "ALTER TABLE")
        [[release]] = list(snapshot.releases())
        assert list(release)[-1] == ["Old"]
        assert not swapped.is_set()
    thread.join(10)
    assert swapped.is_set()
    with reader(cache, flowsheet_match_rematerialise=True).snapshot() as snapshot:
        [[release]] = list(snapshot.releases())
        assert list(release)[-1] == ["New"]


def test_a_table_that_is_swapped_in_while_we_wait_for_it_is_read_and_not_seen_empty(cache: Cache) -> None:
    cache.release(5, 7, "One", "Old")
    seen: list[object] = []

    def read() -> None:
        with reader(cache, flowsheet_match_rematerialise=True).snapshot() as snapshot:
            seen.extend(list(release)[-1] for page in snapshot.releases() for release in page)

    with rebuilding(cache) as connection:
        for statement in SWAP:
            connection.execute(text(statement))
        thread = in_thread(read)
        await_lock(cache, "LOCK TABLE")
    thread.join(10)
    assert seen == [["New"]]


def test_a_table_that_vanishes_while_we_wait_for_it_is_one_sentence(shelf: Shelf, cache: Cache) -> None:
    shelf.put("a", "b")
    cache.match("a", "b", 1, 7, 5)
    errors: list[str] = []

    def read() -> None:
        try:
            gather(Leg.S3, shelf.database, cache.settings, EVERY_BUCKET)
        except DiscogsCacheError as error:
            errors.append(str(error))

    with rebuilding(cache) as connection:
        connection.execute(text("DROP TABLE wxyc.flowsheet_match"))
        thread = in_thread(read)
        await_lock(cache, "LOCK TABLE")
    thread.join(10)
    [message] = errors
    assert message.startswith("the discogs-cache cannot be read: a table is missing")
    assert "Nothing was written" in message
    assert "\n" not in message


def test_a_rebuild_that_holds_a_table_is_one_sentence_after_the_lock_timeout(
    shelf: Shelf, cache: Cache
) -> None:
    cache.match("a", "b", 1, 7, 5)
    settings = replace(cache.settings, discogs_lock_timeout_seconds=0.2)
    with rebuilding(cache) as connection:
        connection.execute(text("TRUNCATE wxyc.flowsheet_match"))
        with pytest.raises(DiscogsCacheError, match="longer than DISCOGS_LOCK_TIMEOUT_SECONDS") as raised:
            gather(Leg.S3, shelf.database, settings, EVERY_BUCKET)
    assert "\n" not in str(raised.value)


def test_reading_that_takes_too_long_ends_so_that_a_rebuild_does_not_wait(cache: Cache) -> None:
    cache.match("a", "b", 1, 7, 5)
    with reader(cache, discogs_read_timeout_seconds=0.2).snapshot() as snapshot:
        time.sleep(0.3)
        with pytest.raises(DiscogsCacheError, match=r"longer than DISCOGS_READ_TIMEOUT_SECONDS=0\.2"):
            list(snapshot.pairs())


def test_a_statement_that_takes_too_long_is_one_sentence(cache: Cache) -> None:
    with (
        pytest.raises(DiscogsCacheError, match="took longer than DISCOGS_READ_TIMEOUT_SECONDS"),
        reader(cache, discogs_read_timeout_seconds=0.2).snapshot() as snapshot,
    ):
        snapshot._connection.execute(text("SELECT pg_sleep(5)"))


def test_a_session_that_is_ended_in_the_middle_is_one_sentence(cache: Cache) -> None:
    cache.match("a", "b", 1, 7, 5)

    def read_and_end() -> None:
        with reader(cache).snapshot() as snapshot:
            pid = snapshot._connection.execute(text("SELECT pg_backend_pid()")).scalar()
            cache.run("SELECT pg_terminate_backend(:pid)", pid=pid)
            list(snapshot.pairs())

    with pytest.raises(DiscogsCacheError, match="the discogs-cache cannot be read") as raised:
        read_and_end()
    assert "\n" not in str(raised.value)


def test_a_snapshot_that_is_a_view_or_a_materialised_view_is_read_too(shelf: Shelf, cache: Cache) -> None:
    shelf.put("a", "b")
    cache.match("a", "b", 1, 7, 5)
    for kind in ("VIEW", "MATERIALIZED VIEW"):
        cache.run("ALTER TABLE wxyc.flowsheet_match RENAME TO pairs")
        cache.run(f"CREATE {kind} wxyc.flowsheet_match AS SELECT * FROM wxyc.pairs")
        assert len(gather(Leg.S3, shelf.database, cache.settings, EVERY_BUCKET).evidence) == 1
        cache.run(f"DROP {kind} wxyc.flowsheet_match")
        cache.run("ALTER TABLE wxyc.pairs RENAME TO flowsheet_match")
