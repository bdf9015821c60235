"""The ledger of the current pass: which library rows are due, and which of them LML has yet to be asked.

What becomes of them is written by verdicts.py and writer.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from identity_assets.backend.database import Database, execute
from identity_assets.lml.contract import Batch, LibraryInput
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Scope, Settings

COHORTS: tuple[Literal["non_va", "va"], ...] = ("non_va", "va")
BATCHES_READ_AHEAD = 10

ReadInputs = Callable[[str, int, int], list[LibraryInput]]
"""The next inputs: of a cohort, after a library_id, at most so many."""


@dataclass(frozen=True)
class DuePartition:
    """How many rows of one partition are due, and since when the longest waiting is (None: all were never asked)."""

    bucket: int
    rows: int
    due_since: datetime | None


@dataclass(frozen=True)
class Selected:
    """How many rows of one partition were selected alike."""

    bucket: int
    cohort: str
    reason: str
    outcome: str | None
    answered: bool
    rows: int


def select_candidates(
    database: Database,
    buckets: Buckets,
    settings: Settings,
    scope: Scope,
    run_id: str,
    max_inputs: int | None = None,
) -> list[Selected]:
    """Begin a pass: the due rows of these partitions take the place of the last pass's in the ledger.

    The rules are "Which rows are due" in DOMAIN.md; the windows are the settings'. `max_inputs` takes only so many,
    those that have waited longest. What has been kept for longer than the settings say is forgotten.
    """
    with database.transaction() as connection:
        execute(connection, "prune_writes", unwind_days=settings.unwind_days)
        execute(
            connection,
            "prune_verdict_history",
            **buckets.params(),
            verdict_history_days=settings.verdict_history_days,
        )
        execute(connection, "delete_candidates", **buckets.params())
        execute(
            connection,
            "select_candidates",
            **buckets.params(),
            scope=scope,
            run_id=run_id,
            max_inputs=max_inputs,
            stale_threshold_days=settings.stale_threshold_days,
            unresolved_retry_days=settings.unresolved_retry_days,
        )
        rows = execute(connection, "count_candidates", **buckets.params()).mappings().all()
    return [Selected(**row) for row in rows]


def due_partitions(database: Database, settings: Settings) -> list[DuePartition]:
    """The partitions that have due rows in the settings' scope, the stalest first."""
    with database.transaction() as connection:
        rows = execute(
            connection,
            "count_due",
            partitions=settings.library_partitions,
            scope=settings.scope,
            stale_threshold_days=settings.stale_threshold_days,
            unresolved_retry_days=settings.unresolved_retry_days,
        )
        return [DuePartition(**row) for row in rows.mappings()]


def reopen_failed(database: Database, buckets: Buckets) -> int:
    """Put rows that LML failed on earlier in this pass back among those to ask; says how many."""
    with database.transaction() as connection:
        return execute(connection, "reopen_failed", **buckets.params()).rowcount


def count_unasked(database: Database, buckets: Buckets) -> int:
    """How many rows of the ledger LML has yet to be asked about."""
    with database.transaction() as connection:
        return int(execute(connection, "count_unasked", **buckets.params()).scalar_one())


def batches_to_ask(database: Database, buckets: Buckets, settings: Settings) -> Iterator[Batch]:
    """The ledger's unasked inputs, a batch at a time; V/A rows in batches of their own size.

    They are read some batches ahead, in transactions of their own, while answers are being stored.
    """

    def read(cohort: str, after: int, rows: int) -> list[LibraryInput]:
        with database.transaction() as connection:
            found = execute(
                connection, "next_inputs", **buckets.params(), cohort=cohort, after=after, rows=rows
            )
            return [LibraryInput(**row) for row in found.mappings()]

    return in_batches(read, settings)


def in_batches(read: ReadInputs, settings: Settings) -> Iterator[Batch]:
    """All inputs that `read` finds, in batches of each cohort's size."""
    sizes = {"non_va": settings.batch_size, "va": settings.va_batch_size}
    for cohort in COHORTS:
        size, after = sizes[cohort], 0
        while page := read(cohort, after, size * BATCHES_READ_AHEAD):
            for start in range(0, len(page), size):
                yield Batch(cohort, False, tuple(page[start : start + size]))
            after = page[-1].library_id
