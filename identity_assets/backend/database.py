"""Connections, transactions and locks on Backend's database.

Statements about the domain are the .sql files of each room, beside the module that runs them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, CursorResult, TextClause, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from identity_assets.errors import OperatorError
from identity_assets.partition_keys import Buckets
from identity_assets.pooler import connect_asynchronously, require_own_session
from identity_assets.postgres import (
    begin_session,
    failure_sentence,
    first_line,
    sqlstate,
    statements,
    what_to_check,
)
from identity_assets.settings import Settings

OWN_SCHEMA = "identity_assets"
# The locks, the writer's connections, and one for each worker that stores answers; opened when first used.
POOL_SIZE = 40
# How long a run waits for sessions of the run before it, which PostgreSQL ends only when they notice that it is gone.
SHARE_TIMEOUT = "60s"
# The connection that holds the locks is idle for most of a run. In seconds, but for the count.
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 6}

LOCK_NOT_AVAILABLE = "55P03"

HASH_JOINS = text("SET LOCAL enable_nestloop = off")
"""The planner cannot know how many rows a JSON array, or some of the partitions, hold. It guesses a few, and joins
thousands in nested loops.
"""

SMALL_SAMPLE = text("SET LOCAL default_statistics_target = 25")
"""ANALYZE reads 7,500 rows of a table: enough for ids that are spread evenly, and for columns with few values."""

_sql = statements(__file__)


class DatabaseError(OperatorError):
    """The database cannot be used as it is."""


class PartitionsBusyError(DatabaseError):
    """Another run works on one of these partitions."""


class MissingRightsError(DatabaseError):
    """The role lacks rights that a run needs."""


class PartitionsLostError(DatabaseError):
    """The connection that held the locks of the partitions has ended: no more sessions may write to them."""


@dataclass(frozen=True)
class _Held:
    """The process id of the session that holds the locks, and the partitions that it holds."""

    process_id: int
    buckets: list[int]


def execute(connection: Connection, statement: TextClause, **params: object) -> CursorResult[Any]:
    """Run a statement with its bind parameters."""
    result = connection.execute(statement, params)
    assert isinstance(result, CursorResult)
    return result


class Database:
    """Backend's database under this project's search_path.

    Connections are opened when first used. `label` names the run or command in pg_stat_activity, which is
    how a second run on the same partition can say who holds it. With `read_only` the server itself refuses
    every write.
    """

    def __init__(self, settings: Settings, label: str, *, read_only: bool = False) -> None:
        self.schema_name = settings.schema_name
        self.application_name = f"identity_assets {label}"[:63]
        self._session = {
            "application_name": self.application_name,
            # In quotes: a name such as user is a word of SQL.
            "search_path": f'"{settings.schema_name}", {OWN_SCHEMA}',
            # Rows that are kept as JSON are compared as text, and windows are days of one calendar.
            "TimeZone": "UTC",
            "lock_timeout": "60s",
        }
        if read_only:
            self._session["default_transaction_read_only"] = "on"
        self._engine = create_engine(
            settings.require_database_url(),
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            # The connection that was used last has its share of the partitions and its plans.
            pool_use_lifo=True,
            connect_args={"connect_timeout": 10, **KEEPALIVES},
        )
        self._held: _Held | None = None
        self._has_own_session = False
        # Before SQLAlchemy, which begins a transaction to look at the server.
        event.listen(self._engine, "connect", self._on_connect, insert=True)

    def _require_own_session(self, dbapi_connection: Any) -> None:
        """Ask before the session is given any setting: where sessions are shared, others would get the setting."""
        if not self._has_own_session:
            connect_again = partial(connect_asynchronously, self._engine)
            require_own_session(dbapi_connection, connect_again, "DATABASE_URL")
            self._has_own_session = True

    def _on_connect(self, dbapi_connection: Any, _record: object) -> None:
        self._require_own_session(dbapi_connection)
        begin_session(dbapi_connection, self._session)

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose statements land together, or not at all.

        Inside `partitions_locked` its session has a share of the partitions: no other run gets them before it ends.

        Raises:
            PartitionsLostError: the locks of `partitions_locked` are lost; nothing was done.
            DatabaseError: the server cannot be reached, went away, or refused a statement; one sentence.
        """
        with _in_words(), self.attempt() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that reads the database as it is at one moment, whatever is committed meanwhile.

        Raises:
            DatabaseError: as in `transaction`.
        """
        with self.transaction() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield connection

    @contextmanager
    def attempt(self) -> Iterator[Connection]:
        """A transaction whose caller judges what the database refused.

        Raises:
            DatabaseError: the server cannot be reached, or went away.
            DBAPIError: the database refused a statement.
        """
        try:
            with self._engine.begin() as connection:
                self._share_partitions(connection)
                yield connection
        except OperationalError as error:
            if sqlstate(error) and not error.connection_invalidated:
                raise
            raise DatabaseError(
                f"PostgreSQL cannot be reached or went away ({first_line(error)}): "
                f"check {what_to_check(error, 'DATABASE_URL')} and the server, then run again"
            ) from None

    def _share_partitions(self, connection: Connection) -> None:
        """Give the session its share of the partitions that this run holds, once in its life."""
        held = self._held
        if held is None or connection.info.get("share_of") is held:
            return
        if not execute(
            connection, _sql("share_partitions.sql"), buckets=held.buckets, holder=held.process_id
        ).scalar_one():
            raise PartitionsLostError(
                "the connection that holds the locks of the partitions has ended (an idle timeout, a proxy or an "
                "administrator ended it): no further connection may write to them. What was committed stands; "
                "run again"
            )
        connection.info["share_of"] = held

    def require_schemas(self, connection: Connection) -> None:
        """Look whether the role sees Backend's schema and this project's own, where they exist.

        Raises:
            MissingRightsError: names the schema that it does not see.
        """
        names = [self.schema_name, OWN_SCHEMA]
        closed = execute(connection, _sql("closed_schemas.sql"), schema_names=names).scalars().all()
        if closed:
            raise MissingRightsError(_lacks([f"USAGE on the schema {name}" for name in closed]))

    def require_rights(self) -> None:
        """Look whether the role may do all that a run does.

        Raises:
            MissingRightsError: names each right that it lacks.
        """
        with self.transaction() as connection:
            self.require_schemas(connection)
            missing = execute(connection, _sql("missing_rights.sql")).scalars().all()
        if missing:
            raise MissingRightsError(_lacks(missing))

    def analyze(self, tables: Mapping[str, str], rows_written: int) -> None:
        """Refresh the planner's statistics of those tables of which more than a tenth was written.

        `tables`: for each table the columns by which statements search it. Reading the others, and as large a sample
        as usual, would cost several times as much; the server does so later by itself.
        """
        if not rows_written:
            return
        with self.transaction() as connection:
            outdated = connection.execute(
                text(
                    "SELECT name FROM unnest(:names) AS name JOIN pg_class ON pg_class.oid = to_regclass(name) "
                    "WHERE reltuples < 10 * :rows_written"
                ),
                {"names": list(tables), "rows_written": rows_written},
            ).scalars()
            if targets := ", ".join(f"{name} ({tables[name]})" for name in outdated):
                connection.execute(SMALL_SAMPLE)
                connection.execute(text(f"ANALYZE {targets}"))

    @contextmanager
    def _lock_connection(self) -> Iterator[Connection]:
        try:
            held = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            raise DatabaseError(failure_sentence(error)) from None
        with held:
            yield held

    def _hold(self, connection: Connection, buckets: Buckets) -> "_Held":
        """Take the locks on the connection that keeps them, and wait for the last session of an earlier holder."""
        held = _Held(connection.execute(text("SELECT pg_backend_pid()")).scalar_one(), list(buckets.buckets))
        # Since PostgreSQL 14 a server may end sessions that are idle; an older one does not know the setting.
        connection.execute(
            text("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
        )
        busy = execute(connection, _sql("lock_partitions.sql"), buckets=held.buckets).scalars().all()
        if busy:
            raise _busy(connection, held, busy)
        with _earlier_run_named(connection, held), self.attempt() as waiting:
            _wait_for_earlier_run(waiting, held)
        return held

    @contextmanager
    def partitions_locked(self, buckets: Buckets) -> Iterator[None]:
        """Hold each partition for this run alone, by advisory locks that end with the connection.

        Raises:
            MissingRightsError: the role lacks a right to write.
            PartitionsBusyError: another run holds one of them; it is named.
        """
        self.require_rights()
        try:
            with self._lock_connection() as connection:
                try:
                    with _in_words():
                        self._held = self._hold(connection, buckets)
                    yield
                finally:
                    self._held = None
                    # A lost connection has lost its locks too, and the error under way is the one to show.
                    with suppress(SQLAlchemyError):
                        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        finally:
            # The sessions end, and with them their shares.
            self._engine.dispose()


def lock_out_runs(connection: Connection, buckets: Buckets) -> None:
    """Hold each partition until the transaction of this connection ends.

    Raises:
        PartitionsBusyError: a run works on one of them, perhaps one that has lost its locks; it is named.
    """
    own = _Held(connection.execute(text("SELECT pg_backend_pid()")).scalar_one(), list(buckets.buckets))
    if busy := execute(connection, _sql("lock_out_runs.sql"), buckets=own.buckets).scalars().all():
        raise _busy(connection, own, busy)
    # Without the savepoint the transaction could no longer ask who it is.
    with _earlier_run_named(connection, own), connection.begin_nested():
        _wait_for_earlier_run(connection, own)


def _wait_for_earlier_run(connection: Connection, held: _Held) -> None:
    """Wait for the last session of an earlier holder of these partitions, also of one that has lost its locks.

    No such session writes again before the transaction of this connection ends.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = '{SHARE_TIMEOUT}'"))
    execute(connection, _sql("fence_partitions.sql"), buckets=held.buckets)


@contextmanager
def _earlier_run_named(connection: Connection, held: _Held) -> Iterator[None]:
    """Raise PartitionsBusyError, which names the run, if its last session does not end within SHARE_TIMEOUT."""
    try:
        yield
    except DBAPIError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        raise _busy(connection, held, held.buckets) from None


@contextmanager
def _in_words() -> Iterator[None]:
    """Raise what the database refuses as a DatabaseError of one sentence."""
    try:
        yield
    except DBAPIError as error:
        # Not `from error`: its text has the statement and its parameters.
        raise DatabaseError(failure_sentence(error)) from None


def _busy(connection: Connection, held: _Held, busy: Sequence[int]) -> PartitionsBusyError:
    """Name one of the `busy` partitions, and the run that has it."""
    named = execute(
        connection, _sql("partition_lock_holder.sql"), buckets=list(busy), own_process_id=held.process_id
    ).one_or_none()
    bucket, holder = tuple(named) if named else (busy[0], "a run that has just ended")
    return PartitionsBusyError(
        f"partition {bucket:02d} is being worked on by {holder}. "
        "Nothing was done here: wait for it to end, or end it, then run again"
    )


def missing_tables(connection: Connection, names: Sequence[str]) -> list[str]:
    """Those of the tables `names` that the search_path does not find."""
    found = connection.execute(
        text("SELECT name FROM unnest(:names) AS name WHERE to_regclass(name) IS NOT NULL"),
        {"names": list(names)},
    )
    present = set(found.scalars())
    return [name for name in names if name not in present]


def _lacks(rights: Sequence[str]) -> str:
    return (
        f"permission denied: the role in DATABASE_URL lacks {', '.join(rights)}. Nothing was done; "
        "docs/least-privilege.md grants what a run needs"
    )
