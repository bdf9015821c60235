"""Find runs in the journal: the runs of a night, of a backfill, and the runs that wrote after another one.

by_run.py takes them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from identity_assets.backend.database import Database, execute
from identity_assets.backend.undo.by_run import Writes
from identity_assets.postgres import statements

_sql = statements(__file__)


@dataclass(frozen=True)
class WrittenRun:
    """A run in the journal: when it began to write, and how many library rows it wrote."""

    run_id: str
    first_written_at: datetime
    library_rows: int

    def as_dict(self) -> dict[str, object]:
        """One of the `runs` of `unwind --json`."""
        written_at = self.first_written_at.astimezone(UTC).isoformat()
        return {"run_id": self.run_id, "written_at": written_at, "library_rows": self.library_rows}


def later_runs(database: Database, run_id: str) -> list[WrittenRun]:
    """The runs that wrote a library row after this run did, the last one first; only such library rows count."""
    with database.transaction() as connection:
        found = execute(connection, _sql("later_runs.sql"), run_id=run_id)
        return [WrittenRun(**row) for row in found.mappings()]


def written_runs(
    database: Database, *, run_ids: Sequence[str] | None = None, since: datetime | None = None
) -> list[WrittenRun]:
    """Of `run_ids` the runs that wrote, or all runs that began to write at `since` or later; the last one first."""
    ids = None if run_ids is None else list(run_ids)
    with database.transaction() as connection:
        found = execute(connection, _sql("written_runs.sql"), run_ids=ids, since=since)
        return [WrittenRun(**row) for row in found.mappings()]


def all_writes_of(runs: Sequence[WrittenRun]) -> Writes:
    """Everything that these runs wrote, to be taken back together."""
    return Writes(dict.fromkeys([run.run_id for run in runs]), together=True)


def writes_and_later(database: Database, run_id: str, later: Sequence[WrittenRun]) -> Writes:
    """The library rows that this run wrote, restored through the later runs to what was there before it."""
    with database.transaction() as connection:
        found = execute(connection, _sql("written_library_ids.sql"), run_id=run_id).scalars()
        ids = sorted(found)
    return Writes(dict.fromkeys([*(run.run_id for run in later), run_id], ids), together=True)
