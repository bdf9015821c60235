"""A clock that a test sets, for all that PostgreSQL does in one database.

A statement finds `now()` in the schema `clock` before the server's own. The clock goes on from where it was set.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from identity_assets_tests.support import Shelf

CLOCK = """
    CREATE SCHEMA clock;
    CREATE TABLE clock.ahead (by interval NOT NULL);
    INSERT INTO clock.ahead VALUES ('0');
    CREATE FUNCTION clock.now() RETURNS timestamptz STABLE LANGUAGE sql
        AS 'SELECT pg_catalog.now() + ahead.by FROM clock.ahead';
"""
# A default was bound to the server's own now() when its table was made.
DEFAULTS = (
    ("library_identity_history", "superseded_at"),
    ("lml_verdict_history", "superseded_at"),
    ("journal_chunk", "written_at"),
)


class Clock:
    """The clock of one database."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def set(self, moment: datetime) -> None:
        """From now on it is this moment, and later."""
        self._shelf.run("UPDATE clock.ahead SET by = :moment - pg_catalog.now()", moment=moment)

    def read(self) -> datetime:
        """The moment that a statement of the package sees."""
        moment: datetime = self._shelf.rows("SELECT now() AS moment")[0]["moment"]
        return moment


@contextmanager
def clock_of(shelf: Shelf) -> Iterator[Clock]:
    """Let all connections to the shelf's database see the clock until the block ends."""
    database = shelf.settings.require_database_url().database
    shelf.run(CLOCK)
    for table, column in DEFAULTS:
        shelf.run(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT clock.now()")

    def look_at_the_clock(connection: Any, _record: object, _proxy: object) -> None:
        info = getattr(connection, "info", None)
        if info is None or info.dbname != database:
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('search_path')")
            [path] = cursor.fetchone()
            if not path.startswith("clock"):
                cursor.execute(f"SET search_path = clock, pg_catalog, {path}")
        connection.commit()

    event.listen(Pool, "checkout", look_at_the_clock)
    try:
        yield Clock(shelf)
    finally:
        event.remove(Pool, "checkout", look_at_the_clock)
