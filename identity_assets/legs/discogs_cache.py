"""The discogs-cache: another PostgreSQL. This project reads three of its tables in one snapshot and writes none.

What a row of it is worth belongs in cache_rows.py and flowsheet_match.py.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, TextClause, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from identity_assets.errors import OperatorError
from identity_assets.pooler import connect_asynchronously, require_own_session
from identity_assets.postgres import begin_session, first_line, sqlstate, statements, what_to_check
from identity_assets.settings import Settings

_sql = statements(__file__)

READ_ROWS = 5000
PAIRS, RELEASES, ARTISTS = "flowsheet_match", "release", "release_artist"
PairRow = tuple[str | None, str | None, int | None, int | None, int | None]
"""A row of `flowsheet_match`: artist, title, number of entities, master, release."""

ReleaseRow = tuple[int, int | None, str | None, bool, Sequence[str | None]]
"""A release: its id, master and title, whether it is a tombstone, its main artists."""

REASONS = {
    "42P01": "a table is missing",
    "42703": "a column is missing",
    "42501": "its user has no right to read a table",
    "3F000": "a schema is missing",
    "55P03": "another session holds a table for longer than DISCOGS_LOCK_TIMEOUT_SECONDS",
    "57014": "a statement was cancelled or took longer than DISCOGS_READ_TIMEOUT_SECONDS",
}


class DiscogsCacheError(OperatorError):
    """The discogs-cache cannot be read as it is."""


class CacheSnapshot:
    """The discogs-cache as it was at one moment. Its tables cannot be swapped or emptied while it is open."""

    def __init__(self, connection: Connection, tables: Collection[str], seconds: float) -> None:
        self._connection = connection
        self._tables = tables
        self._seconds = seconds
        self._opened_at = time.monotonic()

    def pairs(self) -> Iterator[Sequence[PairRow]]:
        """The rows of `flowsheet_match`, some thousand at a time."""
        return self._streamed(_sql("cache_pairs.sql"))

    def releases(self) -> Iterator[Sequence[ReleaseRow]]:
        """Every release that has a main artist, some thousand at a time."""
        return self._streamed(_sql("cache_releases.sql"))

    def artists_of(self, release_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
        """The main artists of each of these releases, as far as the cache knows them."""
        if ARTISTS not in self._tables:
            return {}
        rows = self._connection.execute(_sql("cache_artists.sql"), {"release_ids": sorted(release_ids)}).all()
        return {number: tuple(filter(None, artists)) for number, artists in rows}

    def tombstones_of(self, release_ids: Collection[int]) -> set[int]:
        """Those of these releases that are tombstones."""
        if RELEASES not in self._tables:
            return set()
        rows = self._connection.execute(_sql("cache_tombstones.sql"), {"release_ids": sorted(release_ids)})
        return set(rows.scalars().all())

    def masters_of(self, release_ids: Collection[int]) -> dict[int, int]:
        """The master of each of these releases, as far as the cache knows one."""
        if RELEASES not in self._tables or not release_ids:
            return {}
        rows = self._connection.execute(_sql("cache_masters.sql"), {"release_ids": sorted(release_ids)}).all()
        return {row.id: row.master_id for row in rows}

    def _streamed(self, statement: TextClause) -> Iterator[Sequence[Any]]:
        """The statement's rows by a cursor on the server.

        Raises:
            DiscogsCacheError: the snapshot is open for too long, so that a rebuild of the cache waits for it.
        """
        streaming = self._connection.execution_options(stream_results=True, max_row_buffer=READ_ROWS)
        for page in streaming.execute(statement).partitions(READ_ROWS):
            if time.monotonic() - self._opened_at > self._seconds:
                raise DiscogsCacheError(
                    f"reading the discogs-cache took longer than DISCOGS_READ_TIMEOUT_SECONDS={self._seconds:g}, and "
                    "a rebuild of the cache would wait for it: nothing was written; allow more time, then run again"
                )
            yield page


class DiscogsCache:
    """The discogs-cache that the settings name. It is connected to when it is read."""

    def __init__(self, settings: Settings, label: str) -> None:
        self.rematerialises = settings.flowsheet_match_rematerialise
        self._read_seconds = settings.discogs_read_timeout_seconds
        self._session = {
            "application_name": label[:63],
            "search_path": f"{settings.discogs_schema_name}, public",
            "default_transaction_read_only": "on",
            "default_transaction_isolation": "repeatable read",
            "statement_timeout": f"{self._read_seconds * 1000:.0f}",
            "lock_timeout": f"{settings.discogs_lock_timeout_seconds * 1000:.0f}",
        }
        self._engine = create_engine(
            settings.require_database_url_discogs(), poolclass=NullPool, connect_args={"connect_timeout": 10}
        )
        # Before SQLAlchemy, which begins a transaction to look at the server.
        event.listen(self._engine, "connect", self._on_connect, insert=True)

    def _on_connect(self, dbapi_connection: Any, _record: object) -> None:
        connect_again = partial(connect_asynchronously, self._engine)
        require_own_session(dbapi_connection, connect_again, "DATABASE_URL_DISCOGS")
        begin_session(dbapi_connection, self._session)

    @contextmanager
    def snapshot(self) -> Iterator[CacheSnapshot]:
        """Open one consistent snapshot of the tables that are needed.

        `flowsheet_match`, or `release` and `release_artist` if the pairs are computed afresh, must exist. The other
        tables are read if they exist.

        Raises:
            DiscogsCacheError: the cache cannot be reached or read, or a table is locked, swapped or dropped.
        """
        try:
            with self._engine.connect() as connection:
                needed = {RELEASES, ARTISTS} if self.rematerialises else {PAIRS}
                tables = _lock_tables(connection, needed, {RELEASES, ARTISTS} - needed)
                yield CacheSnapshot(connection, tables, self._read_seconds)
        except DBAPIError as error:
            reason = REASONS.get(sqlstate(error))
            said = f"{reason} ({first_line(error)})" if reason else first_line(error).rstrip(".")
            raise DiscogsCacheError(
                f"the discogs-cache cannot be read: {said}. Nothing was written: "
                f"check {what_to_check(error, 'DATABASE_URL_DISCOGS')}, DISCOGS_SCHEMA_NAME and the rights of its "
                "user, and whether the cache is being rebuilt; then run again"
            ) from None


def _lock_tables(connection: Connection, needed: Collection[str], optional: Collection[str]) -> set[str]:
    """Begin the transaction of the snapshot by locking its tables; returns the tables that it can read.

    PostgreSQL takes the snapshot after the locks. Otherwise a table that is swapped in or emptied after the snapshot
    and before its first read would look empty.
    """
    with connection.begin():
        found = connection.execute(_sql("cache_tables.sql"), {"names": sorted({*needed, *optional})}).all()
    can_be_locked: dict[str, bool] = {name: locked for name, locked in found}
    # LOCK TABLE reports a needed table that is missing.
    locked = [name for name in sorted({*needed, *can_be_locked}) if can_be_locked.get(name, True)]
    if locked:
        connection.execute(text(f"LOCK TABLE {', '.join(locked)} IN ACCESS SHARE MODE"))
    return {*needed, *can_be_locked}
