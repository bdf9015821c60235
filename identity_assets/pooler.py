"""Finds out whether a pooler between us and PostgreSQL gives each transaction another session, which cannot be used.

search_path, lock_timeout and read-only are settings of a session, and the locks of partitions belong to one. A pooler
in session mode keeps all of them.
"""

import select
import time
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE
from sqlalchemy import Engine

from identity_assets.errors import OperatorError

_PID = "SELECT pg_backend_pid()"
_WAIT_SECONDS = 10.0
_TRANSACTIONS = 3
_MEND = "give PostgreSQL's own address, or a pool in session mode"


class PoolerError(OperatorError):
    """The pooler in front of PostgreSQL cannot be used."""


def require_own_session(connection: Any, connect_again: Callable[[], Any], variable: str) -> None:
    """Refuse a new connection of psycopg2 whose transactions take place in different sessions of the server.

    `connect_again` opens an asynchronous connection to the same address, which `variable` gives. It is called only
    where there is a pooler: a pooler makes up the process id that libpq is given at the start.

    Raises:
        PoolerError: the pooler shares sessions, takes no transactions, or gives no second session within 10 seconds.
            `connection` is closed.
        psycopg2.Error: the server or the pooler refused a statement.
    """
    own = _process_id_without_transaction(connection)
    if own == connection.info.backend_pid:
        return
    if not _begins_transactions(connection):
        connection.close()
        raise PoolerError(
            f"{variable} leads to a pooler that ends a connection where a transaction begins (as pgbouncer with "
            f"pool_mode = statement). Nothing was done: {_MEND}"
        )
    try:
        if _is_shared(connection, own, connect_again):
            raise PoolerError(
                f"{variable} leads to a pooler in transaction mode (as pgbouncer with pool_mode = transaction): "
                f"settings and locks of a session do not hold there. Nothing was done: {_MEND}"
            )
    except TimeoutError:
        connection.close()
        raise PoolerError(
            f"the pooler that {variable} leads to gives no second connection within {_WAIT_SECONDS:g} s, and a run "
            "needs several at once. Nothing was done: give it a larger pool, then run again"
        ) from None
    except PoolerError:
        connection.close()
        raise


def _begins_transactions(connection: Any) -> bool:
    """Whether a pooler lets a transaction begin; one in statement mode ends the connection instead."""
    try:
        _process_id(connection)
    except psycopg2.OperationalError:
        return False
    return True


def _is_shared(connection: Any, own: int, connect_again: Callable[[], Any]) -> bool:
    # A pooler that takes turns changes the session by itself, any other one when somebody else has taken it.
    if any(_process_id(connection) != own for _ in range(_TRANSACTIONS)):
        return True
    other = connect_again()
    try:
        return _held_process_id(other) == own or _process_id(connection) != own
    finally:
        other.close()


def connect_asynchronously(engine: Engine) -> Any:
    """A further connection of psycopg2, asynchronous, to the address of this engine; it is no part of its pool."""
    arguments, keywords = engine.dialect.create_connect_args(engine.url)
    return psycopg2.connect(*arguments, **{**keywords, "connect_timeout": 10, "async_": 1})


def _process_id_without_transaction(connection: Any) -> int:
    connection.autocommit = True
    process_id = _process_id(connection)
    connection.autocommit = False
    return process_id


def _process_id(connection: Any) -> int:
    """The process id of the session in which a transaction of this connection takes place."""
    with connection.cursor() as cursor:
        cursor.execute(_PID)
        [[process_id]] = cursor.fetchall()
    connection.commit()
    return int(process_id)


def _held_process_id(connection: Any) -> int:
    """The same for an asynchronous connection, whose transaction stays open."""
    _wait(connection)
    with connection.cursor() as cursor:
        for statement in ("BEGIN", _PID):
            cursor.execute(statement)
            _wait(connection)
        [[process_id]] = cursor.fetchall()
    return int(process_id)


def _wait(connection: Any) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while (state := connection.poll()) != POLL_OK:
        left = deadline - time.monotonic()
        reads = [connection] if state == POLL_READ else []
        writes = [connection] if state == POLL_WRITE else []
        if left <= 0 or not any(select.select(reads, writes, [], left)):
            raise TimeoutError
