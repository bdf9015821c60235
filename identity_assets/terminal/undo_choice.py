"""What `unwind` takes back: a run, a night, a backfill, single library rows, or everything of one writer."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import click

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.library_rows import require_library_rows
from identity_assets.backend.ledger.runs import find_run
from identity_assets.backend.undo.by_run import Unwound, Writes, last_writes, plan_unwind, unwind
from identity_assets.backend.undo.by_writer import plan_unwind_notes, unwind_notes
from identity_assets.backend.undo.runs import (
    WrittenRun,
    all_writes_of,
    later_runs,
    writes_and_later,
    written_runs,
)
from identity_assets.progress import Advance
from identity_assets.terminal.output import FAILED, WRONG, stop


@dataclass(frozen=True)
class Undo:
    """One way to take back.

    `run_id` is set if the undo is itself a write that can be taken back; `runs` are the runs that are taken back, the
    last one first; `hint` is the end of a sentence that says which runs have to be taken back before.
    """

    plan: Callable[[], Unwound]
    apply: Callable[[Advance], Unwound]
    run_id: str | None = None
    runs: tuple[WrittenRun, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class UndoChoice:
    """The options of `unwind`, of which one is given."""

    run_id: str | None
    library_ids: tuple[int, ...]
    notes: str | None
    since: str | None
    backfill_id: str | None
    and_later: bool

    def require_one(self) -> None:
        """Stop if none or several are given.

        Raises:
            click.UsageError: it says what to choose from.
        """
        given = (self.run_id, self.library_ids or None, self.notes, self.since, self.backfill_id)
        if sum(one is not None for one in given) != 1:
            raise click.UsageError(
                "choose what to take back: --run RUN_ID, --library-id ID, --notes WRITER, --since TIME "
                "or --backfill ID"
            )
        if self.and_later and self.run_id is None:
            raise click.UsageError("--and-later needs --run")

    def undo(self, database: Database, chunk_rows: int) -> Undo:
        """The undo that was chosen.

        Raises:
            UnknownRunError: the journal does not know the run.
            UnknownLibraryRowError: nothing was written to any of the library rows, and one of them does not exist.
            SystemExit: no run matches; one line says so.
        """
        if self.notes is not None:
            return _of_writer(database, self.notes, chunk_rows)
        if self.library_ids:
            writes = last_writes(database, self.library_ids)
            if not writes.by_run:
                # What was written to a library row that Backend has deleted since can still be taken back.
                require_library_rows(database, writes.unrecorded)
            return _of(database, writes, chunk_rows)
        if self.run_id is not None:
            return self._of_run(database, find_run(database, self.run_id).run_id, chunk_rows)
        runs = self._several_runs(database)
        return _of(database, all_writes_of(runs), chunk_rows, runs)

    def _of_run(self, database: Database, run_id: str, chunk_rows: int) -> Undo:
        later = later_runs(database, run_id)
        if not self.and_later:
            return _of(database, Writes({run_id: None}), chunk_rows, hint=_hint(later))
        runs = [*later, *written_runs(database, run_ids=[run_id])]
        return _of(database, writes_and_later(database, run_id, later), chunk_rows, runs)

    def _several_runs(self, database: Database) -> list[WrittenRun]:
        if self.since is not None:
            runs = written_runs(database, since=_moment(self.since))
            return runs or stop(f"no run has written anything since {self.since}", FAILED)
        assert self.backfill_id is not None
        run_ids = _runs_of_backfill(self.backfill_id)
        return written_runs(database, run_ids=run_ids) or stop(
            f"no run of the backfill {self.backfill_id} is in the journal: they wrote nothing, or were taken back",
            FAILED,
        )


def _of(
    database: Database, writes: Writes, chunk_rows: int, runs: list[WrittenRun] | None = None, hint: str = ""
) -> Undo:
    return Undo(
        plan=lambda: plan_unwind(database, writes, chunk_rows),
        apply=lambda advance: unwind(database, writes, chunk_rows, advance=advance),
        runs=tuple(runs or ()),
        hint=hint,
    )


def _of_writer(database: Database, notes: str, chunk_rows: int) -> Undo:
    run_id = str(uuid4())
    return Undo(
        plan=partial(plan_unwind_notes, database, notes, chunk_rows),
        apply=lambda advance: unwind_notes(database, notes, chunk_rows, run_id=run_id, advance=advance),
        run_id=run_id,
    )


def _hint(later: list[WrittenRun]) -> str:
    if not later:
        return ""
    order = ", ".join(f"{run.run_id} ({run.library_rows:,} of these library rows)" for run in later)
    return f"; later runs wrote some of these rows: take them back first, in this order, or use --and-later: {order}"


def _moment(text: str) -> datetime:
    """A time as a person writes it; without a time zone it is in UTC, as `status` prints times."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        stop(f"--since takes a time such as 2026-11-21 or '2026-11-21 05:00' (UTC), not {text!r}", WRONG)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _runs_of_backfill(backfill_id: str) -> list[str]:
    """The Dagster runs of a backfill; by its whole id."""
    if not os.environ.get("DAGSTER_HOME"):
        stop("--backfill asks Dagster for the runs of the backfill: set DAGSTER_HOME", WRONG)
    import dagster as dg

    from identity_assets.terminal.run_pass import persistent_instance

    with persistent_instance() as instance:
        records = instance.get_runs(filters=dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
    return [run.run_id for run in records] or stop(f"Dagster knows no backfill {backfill_id}", WRONG)
