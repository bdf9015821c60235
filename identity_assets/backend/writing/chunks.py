"""How the writer divides its work: ranges of library_id, several at a time, halved where one cannot be written.

What is written in a range belongs in verdicts.py and legs.py.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from identity_assets.backend.database import Database, DatabaseError, execute
from identity_assets.postgres import (
    failure_sentence,
    first_line,
    is_row_fault,
    is_worth_retrying,
    primary_message,
)

GIVE_WAY = text("SET LOCAL lock_timeout = '200ms'")
"""Backend locks a library row, then its identity rows, and gives up after 750 ms. A chunk locks identity rows first;
the foreign keys of new ones then lock library rows. If each waits for the other, the chunk ends and is repeated.
"""

PATIENCE_SECONDS = 60.0
"""For how long a write is repeated if somebody else holds its locks, once it cannot be made smaller."""

REFUSALS_TO_STOP = 100
"""So many rows refused for one reason, with none accepted between, are the database's fault and not the rows'."""


class Summable(Protocol):
    """What a chunk came to; the sum of two chunks is what both came to."""

    def __add__(self, other: Self) -> Self: ...


Result = TypeVar("Result", bound=Summable)
Done = TypeVar("Done")


@dataclass(frozen=True)
class Range:
    """The library rows from `first_id` to `last_id`, both included."""

    first_id: int
    last_id: int

    def params(self) -> dict[str, int]:
        """The bind parameters of every statement that works on one range."""
        return {"first_id": self.first_id, "last_id": self.last_id}

    def halves(self) -> tuple["Range", "Range"]:
        """The lower and the upper half."""
        middle = (self.first_id + self.last_id) // 2
        return Range(self.first_id, middle), Range(middle + 1, self.last_id)


def read_ranges(connection: Connection, statement: TextClause, **params: object) -> list[Range]:
    """The ranges into which a statement divides library rows: its columns are first_id and last_id."""
    return [Range(row.first_id, row.last_id) for row in execute(connection, statement, **params)]


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """How a range is written in one transaction, and how a row that the database refuses is set aside in another."""

    write: Callable[[Connection, Range], Result]
    set_aside: Callable[[Connection, int, str], Result]


class _Refusals:
    """Counts rows refused for the same reason, one after the other; shared by the writer's threads."""

    def __init__(self) -> None:
        self._reason = ""
        self._rows = 0

    def accepted(self) -> None:
        self._rows = 0

    def refused(self, reason: str) -> None:
        """Raises DatabaseError where the database refuses every row."""
        self._rows = self._rows + 1 if reason == self._reason else 1
        self._reason = reason
        if self._rows >= REFUSALS_TO_STOP:
            raise DatabaseError(
                f"the database refused {self._rows} library rows one after the other for the same reason: {reason}. "
                "What was committed stands; fix the cause, then run again"
            )


def write_ranges(
    database: Database, ranges: Sequence[Range], stage: Stage[Result], connections: int
) -> Iterator[Result]:
    """Write these ranges, `connections` at a time; yields what each came to, in any order.

    Raises:
        DatabaseError: the fault is not a row's own, or the database refuses every row. What was committed stands.
    """
    refusals = _Refusals()
    waiting = iter(ranges)
    with ThreadPoolExecutor(connections, thread_name_prefix="writer") as executor:
        running: set[Future[Result]] = set()
        try:
            while True:
                for one in waiting:
                    run = copy_context().run
                    running.add(executor.submit(run, _write_or_halve, database, one, stage, refusals))
                    if len(running) >= connections:
                        break
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _write_or_halve(database: Database, one: Range, stage: Stage[Result], refusals: _Refusals) -> Result:
    """Write a range; where a row is refused or locked, halve down to it, and write the rest.

    A row that is refused is set aside. For one that is locked the writer waits.
    """
    is_single = one.first_id == one.last_id
    try:
        result = giving_way(
            database, lambda connection: stage.write(connection, one), PATIENCE_SECONDS if is_single else 0
        )
    except DBAPIError as error:
        if is_row_fault(error) and is_single:
            reason = first_line(error)
            refusals.refused(primary_message(error))
            with database.transaction() as connection:
                return stage.set_aside(connection, one.first_id, reason)
        if is_single or not (is_row_fault(error) or is_worth_retrying(error)):
            raise DatabaseError(
                f"the library rows {one.first_id} to {one.last_id} could not be written: {failure_sentence(error)}"
            ) from None
    else:
        refusals.accepted()
        return result
    lower, upper = one.halves()
    return _write_or_halve(database, lower, stage, refusals) + _write_or_halve(
        database, upper, stage, refusals
    )


def patiently(database: Database, write: Callable[[Connection], Done]) -> Done:
    """Write in one transaction that gives way to others and is repeated, for a write that is not halved.

    Raises:
        DatabaseError: the database refused it, or went away, or somebody else holds a lock for too long.
    """
    try:
        return giving_way(database, write, PATIENCE_SECONDS)
    except DBAPIError as error:
        raise DatabaseError(failure_sentence(error)) from None


def giving_way(database: Database, write: Callable[[Connection], Done], patience: float) -> Done:
    """Write in one transaction that waits only a moment for a lock; try again for so many seconds.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
        DBAPIError: the database refused a statement, or somebody else holds a lock.
    """
    for attempt in Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, DBAPIError) and is_worth_retrying(error)),
        stop=stop_after_delay(patience),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        reraise=True,
    ):
        with attempt, database.attempt() as connection:
            execute(connection, GIVE_WAY)
            return write(connection)
    raise AssertionError("unreachable: the last attempt returns or raises")
