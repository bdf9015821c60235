"""What was written last, by any command, and what the next nightly run will ask LML.

The state of the library is overview.py. What Dagster knows of its runs belongs in terminal/status_runs.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.postgres import statements
from identity_assets.settings import Settings

_sql = statements(__file__)


@dataclass(frozen=True)
class RecentWrite:
    """A run in the journal. `is_pass`: it selected library rows, as a run of the graph does."""

    run_id: str
    first_written_at: datetime
    library_rows: int
    is_pass: bool

    def as_dict(self) -> dict[str, object]:
        """One of the `other_writes` of `status --json`."""
        written_at = self.first_written_at.astimezone(UTC).isoformat()
        return {"run_id": self.run_id, "written_at": written_at, "library_rows": self.library_rows}


@dataclass(frozen=True)
class TickCost:
    """What a nightly run asks LML: `inputs` library rows in about `calls` calls."""

    inputs: int
    calls: int


def recent_writes(database: Database, runs: int) -> list[RecentWrite]:
    """The last runs of the journal, the last one first; at most this number of them."""
    with database.transaction() as connection:
        found = execute(connection, _sql("recent_writes.sql"), runs=runs)
        return [RecentWrite(**row) for row in found.mappings()]


def rows_taken_back(database: Database, run_ids: Sequence[str]) -> dict[str, int]:
    """How many library rows of each run were taken back, as long as the ledger has its pass; others are left out."""
    with database.transaction() as connection:
        found = execute(connection, _sql("taken_back.sql"), run_ids=list(run_ids))
        return {row.run_id: row.library_rows for row in found}


def tick_cost(database: Database, settings: Settings, tick: datetime) -> TickCost:
    """What a tick of the nightly schedule at this moment costs LML, by the scope and the budget of `settings`.

    Each partition is a run of its own, so each has batches of its own. The budget cuts the number of inputs, and with
    it the calls in proportion.
    """
    with database.transaction() as connection:
        groups = execute(
            connection,
            _sql("tick_cost.sql"),
            **windows(settings),
            partitions=settings.library_partitions,
            scope=settings.scope,
            tick=tick,
        ).all()
    sizes = {"non_va": settings.batch_size, "va": settings.va_batch_size}
    inputs = sum(int(group.rows) for group in groups)
    calls = sum(-(-int(group.rows) // sizes[group.cohort]) for group in groups)
    budget = settings.lml_nightly_input_budget
    if budget is None or inputs <= budget:
        return TickCost(inputs, calls)
    return TickCost(budget, -(-calls * budget // inputs))
