"""What Backend's own services do to library rows, as rules.md describes it, with their lock_timeout of 750 ms."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.errors import DeadlockDetected, LockNotAvailable

from identity_assets.demo.station import libpq_dsn
from identity_assets.settings import Settings

_IDENTITY = ("library_identity_source", "library_identity", "library_identity_history")


def _delete(library_id: int) -> list[str]:
    return [
        f"SELECT 1 FROM library WHERE id = {library_id} FOR UPDATE",
        *[f"DELETE FROM {table} WHERE library_id = {library_id}" for table in _IDENTITY],
        f"DELETE FROM library WHERE id = {library_id}",
    ]


class BackendService:
    """One connection of Backend. Each method tries again at once, and returns the seconds that it took."""

    def __init__(
        self, settings: Settings, *, lock_timeout: str = "750ms", deadlock_timeout: str = "1s"
    ) -> None:
        self._connection = psycopg2.connect(libpq_dsn(settings.require_database_url()))
        self._run(
            f"SET search_path = wxyc_schema; SET lock_timeout = '{lock_timeout}'; SET application_name = 'backend'; "
            f"SET deadlock_timeout = '{deadlock_timeout}'"
        )

    def close(self) -> None:
        self._connection.close()

    def delete(self, library_id: int) -> float:
        """`DELETE /library/:id`: lock the library row, delete its identity rows, then the row."""
        return self._until_done(*_delete(library_id))

    @contextmanager
    def deleting(self, library_id: int) -> Iterator[Callable[[], None]]:
        """One attempt, halted after the library row is locked; the function that is given does the rest."""
        lock, *rest = _delete(library_id)
        with self._connection.cursor() as cursor:
            cursor.execute(lock)
        yield lambda: self._run(*rest)

    def merge(self, duplicate: int, survivor: int) -> float:
        """Point the identity rows at the surviving release as far as it has none, and delete the other one."""
        return self._until_done(
            f"SELECT 1 FROM library WHERE id IN ({duplicate}, {survivor}) ORDER BY id FOR UPDATE",
            *[
                f"UPDATE {table} SET library_id = {survivor} WHERE library_id = {duplicate} AND NOT EXISTS "
                f"(SELECT FROM {table} AS one WHERE one.library_id = {survivor})"
                for table in _IDENTITY[:2]
            ],
            f"UPDATE library_identity_history SET library_id = {survivor} WHERE library_id = {duplicate}",
            *[f"DELETE FROM {table} WHERE library_id = {duplicate}" for table in _IDENTITY],
            f"DELETE FROM library WHERE id = {duplicate}",
        )

    def rename(self, library_id: int) -> float:
        """Give the release another artist's name."""
        return self._until_done(f"UPDATE library SET artist_name = 'Renamed' WHERE id = {library_id}")

    def decide(self, library_id: int) -> float:
        """Let a person set the identity in Backend's own pages."""
        return self._until_done(
            "INSERT INTO library_identity (library_id, method, confidence, last_verified_at, wikidata_qid, notes) "
            f"VALUES ({library_id}, 'manual', 1, now(), 'Q1', 'Ann') ON CONFLICT (library_id) DO UPDATE SET "
            "method = 'manual', confidence = 1, wikidata_qid = 'Q1', notes = 'Ann'"
        )

    def _until_done(self, *statements: str) -> float:
        started = time.monotonic()
        while True:
            try:
                self._run(*statements)
            except (LockNotAvailable, DeadlockDetected):
                self._connection.rollback()
                assert time.monotonic() < started + 60
            else:
                return time.monotonic() - started

    def _run(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        self._connection.commit()
