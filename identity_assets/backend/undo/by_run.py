"""Take back what a run wrote: restore the identity tables of these library rows as they were before it.

The writer notes in its own transaction what it replaces, and a hash of what it leaves (the journal). A row is
restored only if it is still as the run left it. Runs are taken back in the reverse order of their writing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.writing.chunks import Range, patiently, read_ranges
from identity_assets.postgres import statements

_sql = statements(__file__)

WHY_LEFT_ALONE = {
    "manual": "a person has decided the row since",
    "written_again": "a later run wrote the row again: take that run back first, or use --and-later",
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
    """What an undo does, or did, to the main rows of these library rows, and what it leaves alone.

    `recomputed` are main rows that are composed again from other sources. `unchanged` are library rows that get back
    only their source rows, track credits or the sidecar row.
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
class Group:
    """Runs that are taken back as if they were one; `library_ids` is None for all rows that they wrote."""

    run_ids: tuple[str, ...]
    library_ids: Sequence[int] | None

    def params(self) -> dict[str, object]:
        """The bind parameters `run_ids` and `library_ids`."""
        ids = None if self.library_ids is None else list(self.library_ids)
        return {"run_ids": list(self.run_ids), "library_ids": ids}

    @property
    def taken_back(self) -> str:
        """What the ledger says about the rows."""
        if len(self.run_ids) == 1:
            return f"run {self.run_ids[0]} was taken back"
        return f"{len(self.run_ids)} runs were taken back"


@dataclass(frozen=True)
class Writes:
    """Library rows to restore, per run; None restores every row that the run wrote.

    `unrecorded` are library rows that were asked for and that no remembered run wrote. `together`: the runs are taken
    back as if they were one, so each library row is as before the first of them; all have the same library rows.
    """

    by_run: Mapping[str, Sequence[int] | None]
    unrecorded: tuple[int, ...] = ()
    together: bool = False

    def groups(self) -> Iterator["Group"]:
        """The runs that are taken back in one go, with their library rows."""
        each = [Group((run_id,), ids) for run_id, ids in self.by_run.items()]
        if self.together and each:
            yield Group(tuple(self.by_run), each[0].library_ids)
        else:
            yield from each

    def left_alone(self) -> Unwound:
        """What is known of the unrecorded ones."""
        return Unwound(left_alone=tuple(LeftAlone(one, "nothing_recorded") for one in self.unrecorded))


def last_writes(database: Database, library_ids: Sequence[int]) -> Writes:
    """The last write to each of these library rows, by any run."""
    with database.transaction() as connection:
        found = execute(connection, _sql("last_writes.sql"), library_ids=sorted(set(library_ids))).all()
    runs: dict[str, list[int]] = {}
    for row in found:
        runs.setdefault(row.run_id, []).append(row.library_id)
    known = {row.library_id for row in found}
    return Writes(runs, tuple(sorted(set(library_ids) - known)))


def plan_unwind(database: Database, writes: Writes, chunk_rows: int) -> Unwound:
    """What `unwind` would do now; nothing is written."""
    return _each_range(database, writes, chunk_rows, _plan, lambda _rows: None)


def unwind(
    database: Database,
    writes: Writes,
    chunk_rows: int,
    *,
    advance: Callable[[int], None] = lambda _rows: None,
) -> Unwound:
    """Take back what was written; a range of library rows is one transaction.

    The caller holds the partitions. Rows that a person decided stay, and so does what somebody else has written,
    changed or removed since.
    """
    return _each_range(database, writes, chunk_rows, _take_back, advance)


Plan = list[Mapping[str, Any]]
"""One row a library row: library_id, left_alone, later_run_id, main_row."""


def in_chunks(
    database: Database,
    chunk: Callable[[Connection, int], Sequence[Mapping[str, Any]]],
    advance: Callable[[int], None] = lambda _rows: None,
) -> Unwound:
    """The sum of all chunks, each in its own transaction.

    `chunk` returns the plan of the next library rows after an id, or nothing at the end.
    """
    total, after = Unwound(), 0

    def next_page(connection: Connection) -> Sequence[Mapping[str, Any]]:
        return chunk(connection, after)

    while page := patiently(database, next_page):
        total += summed(page)
        advance(len(page))
        after = page[-1]["library_id"]
    return total


def ranges_of(connection: Connection, group: Group, chunk_rows: int) -> list[Range]:
    """The library rows that these runs wrote, in ranges of at most `chunk_rows`."""
    return read_ranges(connection, _sql("run_ranges.sql"), **group.params(), rows=chunk_rows)


def _each_range(
    database: Database,
    writes: Writes,
    chunk_rows: int,
    work: Callable[[Connection, Group, Range], Plan],
    advance: Callable[[int], None],
) -> Unwound:
    total = writes.left_alone()
    for group in writes.groups():
        with database.transaction() as connection:
            ranges = ranges_of(connection, group, chunk_rows)
        for one in ranges:
            page = _in_range(database, group, one, work)
            total += summed(page)
            advance(len(page))
    return total


def _in_range(
    database: Database, group: Group, one: Range, work: Callable[[Connection, Group, Range], Plan]
) -> Plan:
    return patiently(database, lambda connection: work(connection, group, one))


def _plan(connection: Connection, group: Group, one: Range) -> Plan:
    execute(connection, HASH_JOINS)
    execute(connection, _sql("stage_undo.sql"), **one.params(), **group.params())
    return list(map(dict, execute(connection, _sql("plan_undo.sql")).mappings()))


def _take_back(connection: Connection, group: Group, one: Range) -> Plan:
    page = _plan(connection, group, one)
    params = {
        **one.params(),
        **group.params(),
        "taken_back": group.taken_back,
        "library_ids": [row["library_id"] for row in page if row["left_alone"] is None],
    }
    if params["library_ids"]:
        execute(connection, _sql("drop_left_alone.sql"), **params)
        for statement in (
            _sql("restore_main_rows.sql"),
            _sql("restore_source_rows.sql"),
            _sql("restore_attempts.sql"),
            _sql("restore_tracks.sql"),
            _sql("restore_leg_filled.sql"),
            _sql("restore_corrections.sql"),
            _sql("unwind_answers.sql"),
            _sql("forget_run.sql"),
        ):
            execute(connection, statement, **params)
    return page


def summed(page: Sequence[Mapping[str, Any]]) -> Unwound:
    """The library rows of a plan, counted by what becomes of their main rows."""
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
