"""Taking back what a run wrote: the identity tables of these library rows as they stood before it.

What stood there was remembered by the writer in the same transaction (`library_write`). Writes are taken back in
the reverse order of their writing; what somebody else has changed since is left alone, and said.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from identity_assets.backend.database import Database, execute

APPLY = (
    "unwind_keep_history",
    "unwind_remove_main_rows",
    "unwind_restore_main_rows",
    "unwind_remove_source_rows",
    "unwind_restore_source_rows",
    "unwind_remove_attempts",
    "unwind_restore_attempts",
    "unwind_remove_filled",
    "unwind_restore_filled",
    "unwind_verdicts",
    "unwind_forget",
)

WHY_LEFT_ALONE = {
    "manual": "a person has decided the row since",
    "written_again": "a later run wrote the row again: unwind that run first",
    "changed_since": "somebody else has changed the row since",
    "library_row_gone": "the library row is gone",
    "nothing_recorded": "no run of the last UNWIND_DAYS has written it",
}


@dataclass(frozen=True)
class LeftAlone:
    """A library row that is not taken back, and why; `run_id` is the later run where that is the reason."""

    library_id: int
    reason: str
    run_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """One of the rows of `unwind --json`."""
        return {"library_id": self.library_id, "reason": self.reason, "run_id": self.run_id}


@dataclass(frozen=True)
class Unwound:
    """What taking back does, or did, to the main rows of these library rows; and what it leaves alone.

    `recomputed` are those that other sources make anew; `unchanged` are rows of which only source rows or the
    sidecar go back.
    """

    restored: int = 0
    removed: int = 0
    recomputed: int = 0
    unchanged: int = 0
    left_alone: tuple[LeftAlone, ...] = field(default=())

    def __add__(self, other: "Unwound") -> "Unwound":
        return Unwound(
            self.restored + other.restored,
            self.removed + other.removed,
            self.recomputed + other.recomputed,
            self.unchanged + other.unchanged,
            self.left_alone + other.left_alone,
        )

    @property
    def rows(self) -> int:
        """How many library rows go back."""
        return self.restored + self.removed + self.recomputed + self.unchanged

    def reasons(self) -> Mapping[str, int]:
        """How many library rows are left alone, by reason."""
        return Counter(one.reason for one in self.left_alone)

    def as_dict(self) -> dict[str, Any]:
        """The figures of `unwind --json`."""
        return {
            "rows": self.rows,
            "main_rows_restored": self.restored,
            "main_rows_removed": self.removed,
            "main_rows_recomputed": self.recomputed,
            "main_rows_unchanged": self.unchanged,
            "left_alone": dict(self.reasons()),
            "left_alone_rows": [one.as_dict() for one in self.left_alone],
        }


@dataclass(frozen=True)
class Writes:
    """What is to be taken back: of each run, these library rows, or all that it wrote (None).

    `unrecorded` are library rows that were asked for and that no remembered run wrote.
    """

    by_run: Mapping[str, Sequence[int] | None]
    unrecorded: tuple[int, ...] = ()

    def left_alone(self) -> Unwound:
        """What is known of the unrecorded ones."""
        return Unwound(left_alone=tuple(LeftAlone(one, "nothing_recorded") for one in self.unrecorded))


def last_writes(database: Database, library_ids: Sequence[int]) -> Writes:
    """What was written of these library rows last, by whichever run."""
    with database.transaction() as connection:
        found = execute(connection, "last_writes", library_ids=sorted(set(library_ids))).all()
    runs: dict[str, list[int]] = {}
    for row in found:
        runs.setdefault(row.run_id, []).append(row.library_id)
    known = {row.library_id for row in found}
    return Writes(runs, tuple(sorted(set(library_ids) - known)))


def plan_unwind(database: Database, writes: Writes, chunk_rows: int) -> Unwound:
    """What `unwind` would do now; nothing is written."""
    return _each_run(database, writes, chunk_rows, _plan)


def unwind(
    database: Database,
    writes: Writes,
    chunk_rows: int,
    *,
    advance: Callable[[int], None] = lambda _rows: None,
) -> Unwound:
    """Take back what was written; a chunk of library rows is one transaction.

    The caller holds the partitions. Manual rows stay, and so does whatever somebody else has written since.
    """
    return _each_run(database, writes, chunk_rows, _unwind_chunk, advance)


def in_chunks(
    database: Database,
    chunk: Callable[[Connection, int], Sequence[Mapping[str, Any]]],
    advance: Callable[[int], None] = lambda _rows: None,
) -> Unwound:
    """The sum of all chunks, each in a transaction of its own.

    `chunk` gives the plan of the library rows next after an id, or nothing where there are none.
    """
    total, after = Unwound(), 0
    while True:
        with database.transaction() as connection:
            page = chunk(connection, after)
        if not page:
            return total
        total += _summed(page)
        advance(len(page))
        after = page[-1]["library_id"]


def _each_run(
    database: Database,
    writes: Writes,
    chunk_rows: int,
    work: Callable[..., list[Mapping[str, Any]]],
    advance: Callable[[int], None] = lambda _rows: None,
) -> Unwound:
    total = writes.left_alone()
    for run_id, library_ids in writes.by_run.items():
        chunk = partial(work, run_id=run_id, library_ids=library_ids, rows=chunk_rows)
        total += in_chunks(database, chunk, advance)
    return total


def _unwind_chunk(
    connection: Connection, after: int, run_id: str, library_ids: Sequence[int] | None, rows: int
) -> list[Mapping[str, Any]]:
    ids = [row["library_id"] for row in _plan(connection, after, run_id, library_ids, rows)]
    if not ids:
        return []
    execute(connection, "lock_main_rows", library_ids=ids)
    # Planned once more under the locks: what is judged is what is replaced.
    page = _plan(connection, 0, run_id, ids, len(ids))
    going = [row["library_id"] for row in page if row["left_alone"] is None]
    for name in APPLY if going else ():
        execute(connection, name, run_id=run_id, library_ids=going)
    return page


def _plan(
    connection: Connection, after: int, run_id: str, library_ids: Sequence[int] | None, rows: int
) -> list[Mapping[str, Any]]:
    execute(connection, "rows_as_json")
    ids = None if library_ids is None else list(library_ids)
    found = execute(connection, "plan_unwind", run_id=run_id, library_ids=ids, after=after, rows=rows)
    return list(map(dict, found.mappings()))


def _summed(page: Sequence[Mapping[str, Any]]) -> Unwound:
    """The library rows of a plan, counted by what becomes of them."""
    going = Counter(row["main_row"] for row in page if row["left_alone"] is None)
    return Unwound(
        restored=going["restore"],
        removed=going["remove"],
        recomputed=going["recompute"],
        unchanged=going["leave"],
        left_alone=tuple(_left_alone(page)),
    )


def _left_alone(page: Sequence[Mapping[str, Any]]) -> Iterator[LeftAlone]:
    for row in page:
        if row["left_alone"] is not None:
            yield LeftAlone(row["library_id"], row["left_alone"], row["later_run_id"])
