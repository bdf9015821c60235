"""The ledger of the current pass: which library rows are due, and which of them LML has yet to answer.

What becomes of them is written by verdicts.py beside this and by the writer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat, starmap
from typing import Any, Literal

from sqlalchemy import Connection

from identity_assets.ask_again import AskAgain, ask_again_params
from identity_assets.backend.database import Database, execute
from identity_assets.lml.contract import Batch, LibraryInput
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Scope, Settings

Cohort = Literal["non_va", "va"]
"""V/A rows are asked about last: a row that LML calls a compilation moves to them."""
BATCHES_READ_AHEAD = 10
FIRST_BATCHES = 16
FIRST_BATCH_SIZE = 32
"""The first batches are small: how many calls LML bears is known after some calls, whatever their size."""

ReadInputs = Callable[[int, int], list[LibraryInput]]
"""The next inputs of one cohort: after a library_id, at most so many."""

_sql = statements(__file__)


@dataclass(frozen=True)
class DuePartition:
    """How many rows of one partition are due, and since when the first of them (None: all were never asked)."""

    bucket: int
    rows: int
    due_since: datetime | None


@dataclass(frozen=True)
class Selected:
    """How many rows of one partition were selected in the same way."""

    bucket: int
    cohort: str
    reason: str
    outcome: str | None
    answered: bool
    rows: int


def windows(settings: Settings) -> dict[str, Any]:
    """The bind parameters of every statement that reads when a library row is due, in days."""
    return {
        "stale_threshold_days": settings.stale_threshold_days,
        "unresolved_retry_days": settings.unresolved_retry_days,
        "invalid_retry_days": settings.invalid_retry_days,
    }


def select_candidates(
    database: Database,
    buckets: Buckets,
    settings: Settings,
    scope: Scope,
    run_id: str,
    max_inputs: int | None = None,
    ask_again: AskAgain | None = None,
) -> list[Selected]:
    """Begin a pass: the due rows of these partitions replace the rows of the last pass in the ledger.

    The rule is functions/due_library.sql. `ask_again` selects the rows that it names instead of the due ones
    (functions/candidate.sql). `max_inputs` takes only so many rows, those that have waited longest.
    Library rows that Backend has deleted, and what is older than the settings keep, are forgotten first.
    """
    with database.transaction() as connection:
        _forget(connection, buckets, settings)
        execute(connection, _sql("delete_candidates.sql"), **buckets.params())
        execute(
            connection,
            _sql("select_candidates.sql"),
            **buckets.params(),
            **windows(settings),
            **ask_again_params(ask_again),
            scope=scope,
            run_id=run_id,
            max_inputs=max_inputs,
        )
        rows = execute(connection, _sql("count_candidates.sql"), **buckets.params()).mappings().all()
    database.analyze({"candidate_library": "library_id, cohort, outcome"}, sum(row["rows"] for row in rows))
    return [Selected(**row) for row in rows]


def _forget(connection: Connection, buckets: Buckets, settings: Settings) -> None:
    execute(connection, _sql("forget_gone.sql"), **buckets.params())
    execute(connection, _sql("prune_journal.sql"), unwind_days=settings.unwind_days)
    execute(
        connection,
        _sql("prune_verdict_history.sql"),
        **buckets.params(),
        verdict_history_days=settings.verdict_history_days,
    )


def due_partitions(database: Database, settings: Settings) -> list[DuePartition]:
    """The partitions that have due rows in the settings' scope, the one that has waited longest first."""
    with database.transaction() as connection:
        rows = execute(
            connection,
            _sql("count_due.sql"),
            **windows(settings),
            partitions=settings.library_partitions,
            scope=settings.scope,
        )
        return [DuePartition(**row) for row in rows.mappings()]


def reopen_failed(database: Database, buckets: Buckets) -> int:
    """Let rows that LML failed on earlier in this pass be asked again; returns how many."""
    with database.transaction() as connection:
        return execute(connection, _sql("reopen_failed.sql"), **buckets.params()).rowcount


def count_unasked(database: Database, buckets: Buckets) -> int:
    """How many rows of the ledger LML has yet to answer."""
    with database.transaction() as connection:
        return int(execute(connection, _sql("count_unasked.sql"), **buckets.params()).scalar_one())


def batches_to_ask(
    database: Database, buckets: Buckets, settings: Settings, cohort: Cohort
) -> Iterator[Batch]:
    """The inputs of one cohort of the ledger that LML has yet to answer, a batch at a time.

    They are read some batches ahead, in transactions of their own, while answers are being stored.
    """

    def read(after: int, rows: int) -> list[LibraryInput]:
        with database.transaction() as connection:
            found = execute(
                connection, _sql("next_inputs.sql"), **buckets.params(), cohort=cohort, after=after, rows=rows
            )
            return list(starmap(LibraryInput, found.all()))

    return in_batches(read, cohort, settings)


def in_batches(read: ReadInputs, cohort: Cohort, settings: Settings) -> Iterator[Batch]:
    """All inputs that `read` finds, in batches of the cohort's size; V/A rows are asked about with their tracks."""
    is_va = cohort == "va"
    size, after = settings.va_batch_size if is_va else settings.batch_size, 0
    first = [] if is_va else [(min(FIRST_BATCH_SIZE, size), FIRST_BATCHES)]
    for batch_size, batches in chain(first, repeat((size, BATCHES_READ_AHEAD))):
        page = read(after, batch_size * batches)
        if not page:
            return
        after = page[-1].library_id
        for start in range(0, len(page), batch_size):
            yield Batch(cohort, is_va, tuple(page[start : start + batch_size]))
