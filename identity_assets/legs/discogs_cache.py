"""Reads the discogs-cache: another PostgreSQL, with three tables that this project reads and never writes.

Every session is read only by default. What a match means belongs in flowsheet_match.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, TextClause, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from identity_assets.errors import OperatorError
from identity_assets.evidence import LARGEST_ID
from identity_assets.postgres import first_line, sqlstate, statements
from identity_assets.settings import Settings

_sql = statements(__file__)

Pair = tuple[str, str]
"""A normalised artist and a normalised title."""

READ_ROWS = 5000
MISSING = {
    "42P01": "a table is missing",
    "42703": "a column is missing",
    "42501": "its user has no right to read a table",
    "3F000": "a schema is missing",
}


class DiscogsCacheError(OperatorError):
    """The discogs-cache cannot be read as it is."""


@dataclass(frozen=True, slots=True)
class Match:
    """The entities that the cache holds for one normalised pair."""

    distinct_entities: int
    master_id: int | None
    release_id: int | None


class DiscogsCache:
    """The discogs-cache that the settings name. A connection opens when it is read."""

    def __init__(self, settings: Settings, label: str) -> None:
        self._rematerialise = settings.flowsheet_match_rematerialise
        self._search_path = f"{settings.discogs_schema_name}, public"
        self._application_name = label[:63]
        self._engine = create_engine(
            settings.require_database_url_discogs(), poolclass=NullPool, connect_args={"connect_timeout": 10}
        )
        event.listen(self._engine, "connect", self._on_connect)

    def _on_connect(self, dbapi_connection: Any, _record: object) -> None:
        with dbapi_connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute(f"SET search_path = {self._search_path}")
            cursor.execute("SET application_name = %s", (self._application_name,))
        dbapi_connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection on which nothing can be written.

        Raises:
            DiscogsCacheError: it cannot be reached, or not be read.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            why = MISSING.get(sqlstate(error))
            said = f"{why} ({first_line(error)})" if why else first_line(error)
            raise DiscogsCacheError(
                f"the discogs-cache cannot be read: {said}. Nothing was written: check DATABASE_URL_DISCOGS, "
                "DISCOGS_SCHEMA_NAME and the rights of its user, then run again"
            ) from None

    def matches(
        self, own: Collection[Pair], normalise: Callable[[Sequence[str]], list[str]]
    ) -> Mapping[Pair, Match]:
        """What the cache holds for the library's own pairs: off the snapshot, or computed afresh from its releases.

        The cache's rows stream by; only those of `own` are kept. A pair that stands in the snapshot more than once
        counts as ambiguous, and is given the least of its ids, a master before a release.
        """
        with self.transaction() as connection:
            if self._rematerialise:
                return _computed(connection, own, normalise)
            return _snapshot(connection, own)

    def masters_of(self, release_ids: Collection[int]) -> Mapping[int, int]:
        """The master of each of these releases, as far as the cache has a table `release` and knows one."""
        with self.transaction() as connection:
            if connection.execute(text("SELECT to_regclass('release')")).scalar() is None:
                return {}
            rows = connection.execute(_sql("cache_masters.sql"), {"release_ids": sorted(release_ids)})
            return {row.id: row.master_id for row in rows}


def _streamed(connection: Connection, statement: TextClause) -> Iterator[Sequence[Row[Any]]]:
    """Read the rows of a statement through a server-side cursor, READ_ROWS at a time."""
    streaming = connection.execution_options(stream_results=True, max_row_buffer=READ_ROWS)
    return streaming.execute(statement).partitions(READ_ROWS)


def _joined(name: str | None) -> str:
    return " ".join((name or "").split())


def _id_of(number: int | None) -> int | None:
    """Return the id, or None: Discogs writes 0 for no id, and the main row's column ends at LARGEST_ID."""
    return number if number and 1 <= number <= LARGEST_ID else None


def _snapshot(connection: Connection, own: Collection[Pair]) -> Mapping[Pair, Match]:
    found: dict[Pair, Match] = {}
    for page in _streamed(connection, _sql("cache_snapshot.sql")):
        for row in page:
            pair = _joined(row.artist_norm), _joined(row.album_norm)
            if pair in own:
                match = Match(row.distinct_entities or 0, _id_of(row.master_id), _id_of(row.release_id))
                found[pair] = _merged(found[pair], match) if pair in found else match
    return found


def _merged(one: Match, other: Match) -> Match:
    """Merge two rows of one pair: the one with the lower ids stays, and is ambiguous unless both name the same."""
    first, second = sorted(
        (one, other),
        key=lambda match: tuple(number or LARGEST_ID for number in (match.master_id, match.release_id)),
    )
    same = (first.master_id, first.release_id) == (second.master_id, second.release_id)
    return Match(
        max(one.distinct_entities, other.distinct_entities, 1 if same else 2),
        first.master_id,
        first.release_id,
    )


def _computed(
    connection: Connection, own: Collection[Pair], normalise: Callable[[Sequence[str]], list[str]]
) -> Mapping[Pair, Match]:
    """Compute the matches from the releases. A master is one entity, and so is each release without a master."""
    masters: dict[Pair, set[int]] = {}
    releases: dict[Pair, set[int]] = {}
    for page in _streamed(connection, _sql("cache_releases.sql")):
        artists = normalise([row.artist_name or "" for row in page])
        titles = normalise([row.title or "" for row in page])
        for row, pair in zip(page, zip(artists, titles, strict=True), strict=True):
            if pair not in own:
                continue
            if (master := _id_of(row.master_id)) is not None:
                masters.setdefault(pair, set()).add(master)
            elif (release := _id_of(row.id)) is not None:
                releases.setdefault(pair, set()).add(release)
    return {
        pair: Match(
            len(masters.get(pair, ())) + len(releases.get(pair, ())),
            min(masters.get(pair, ()), default=None),
            min(releases.get(pair, ()), default=None),
        )
        for pair in masters.keys() | releases.keys()
    }
