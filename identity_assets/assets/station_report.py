"""The asset `station_report`: one page with the state of the library, materialised by the daily job.

The pictures are drawn in station_pictures.py, the runs are read in station_runs.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.assets.station_pictures import Cell, as_markdown, gate_line, partition_strip
from identity_assets.assets.station_runs import (
    AskingCost,
    StationRun,
    asking_cost,
    failed_partitions,
    last_runs,
)
from identity_assets.assets.tables import OWNERS
from identity_assets.figures import count_or_text
from identity_assets.gate_trend import GateMoment, gate_trend
from identity_assets.partition_keys import all_keys, buckets_of
from identity_assets.resources import Backend

if TYPE_CHECKING:
    from identity_assets.backend.reports.gate import GateReport
    from identity_assets.backend.reports.overview import DueDay
    from identity_assets.backend.reports.partition_states import PartitionState

EVALUATIONS_SHOWN = 30
RUNS_SHOWN = 10
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Station:
    """What the report shows: the library now, the gate now and before, the runs."""

    cells: Sequence[Cell]
    states: "Sequence[PartitionState]"
    next_due: "Sequence[DueDay]"
    gate: "GateReport"
    trend: Sequence[GateMoment]
    cost: AskingCost
    runs: Sequence[StationRun]

    @property
    def due(self) -> int:
        """Library rows that the next run asks LML about."""
        return sum(state.due for state in self.states)

    @property
    def failed(self) -> int:
        """Partitions whose last run failed."""
        return sum(cell.failed for cell in self.cells)


@dg.asset(
    group_name="reports",
    owners=list(OWNERS),
    kinds={"postgres"},
    description=(
        "**One page to look at.** Open `report` under Metadata: the partitions as a strip (due, stale, failed), the "
        "line of the gate with its threshold, what the last day asked LML, what is due next, and the last runs. "
        "The job `gate_report` materialises it every morning; materialise it to have it now."
    ),
)
def station_report(
    context: dg.AssetExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.MaterializeResult[None]:
    """Read the library and the last runs, and show them on one page. It writes nothing."""
    station = _read(context, backend)
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(markdown_of(station)),
            "gate": dg.MetadataValue.text(station.gate.summary),
            "truly_unresolved_rows": dg.MetadataValue.int(station.gate.truly_unresolved_rows),
            "due_rows": count_or_text(station.due),
            "stale_rows": count_or_text(sum(state.stale for state in station.states)),
            "failed_partitions": count_or_text(station.failed),
            "asked_in_the_last_day": count_or_text(station.cost.asked),
        }
    )


def _read(context: dg.AssetExecutionContext, backend: Backend) -> Station:
    from identity_assets.backend.reports.gate import read_gate
    from identity_assets.backend.reports.overview import read_overview
    from identity_assets.backend.reports.partition_states import read_partition_states

    keys, settings = all_keys(), backend.settings
    with backend.database_to_read(context.run.run_id) as database:
        states = tuple(read_partition_states(database, settings, buckets_of(keys)).values())
        next_due = read_overview(database, settings).next_due
        gate = read_gate(database, settings.gate_threshold)
    runs = [run for run in last_runs(context.instance) if run.run_id != context.run.run_id]
    failed = failed_partitions(runs)
    return Station(
        cells=[
            Cell(key, state.due, state.stale, key in failed) for key, state in zip(keys, states, strict=True)
        ],
        states=states,
        next_due=next_due,
        gate=gate,
        trend=gate_trend(context.instance, EVALUATIONS_SHOWN),
        cost=asking_cost(context.instance, A_DAY),
        runs=runs[:RUNS_SHOWN],
    )


def markdown_of(station: Station) -> str:
    """The page in Markdown."""
    from identity_assets.backend.reports.gate import advice

    gate = station.gate
    return "\n\n".join(
        (
            f"### The gate: {gate.gate_status}",
            f"{gate.summary}.",
            as_markdown("The gate at each evaluation", _gate_line(station)),
            advice(gate),
            "### The partitions",
            _partitions_in_words(station),
            as_markdown("The partitions", partition_strip(station.cells)),
            "### The last 24 hours",
            _cost_in_words(station.cost),
            "### Due next",
            _next_due(station),
            "### The last runs",
            _table(
                ("run", "job", "status", "partitions", "started, UTC", "seconds", "launched by"),
                map(_run_cells, station.runs),
            ),
        )
    )


def _gate_line(station: Station) -> str:
    figures = [one.truly_unresolved_rows for one in station.trend]
    first_moment = f"{station.trend[0].evaluated_at:%d %b %H:%M} UTC" if station.trend else ""
    return gate_line([*figures, station.gate.truly_unresolved_rows], station.gate.threshold, first_moment)


def _next_due(station: Station) -> str:
    """The days on which rows become due, with LML's time for them at the rate of the last day."""
    days = [(f"{one.day:%a %d %b}", one.rows) for one in station.next_due if one.rows]
    lines = [("now", station.due), *days] if station.due else days
    if not lines:
        return "No library row becomes due within a week."
    rate = station.cost.latency_ms / station.cost.asked / 1000 if station.cost.asked else None
    return _table(
        ("day, UTC", "library rows", "LML's time at the rate of the last 24 hours"),
        ((day, f"{rows:,}", "" if rate is None else f"{rows * rate:,.1f} s") for day, rows in lines),
    )


def _partitions_in_words(station: Station) -> str:
    stale = sum(state.stale for state in station.states)
    failed = ", ".join(cell.key for cell in station.cells if cell.failed) or "none"
    return (
        f"{station.due:,} library rows are due now: {station.due - stale:,} never asked about, {stale:,} due again. "
        f"Partitions whose last run failed: {failed}."
    )


def _cost_in_words(cost: AskingCost) -> str:
    if not cost.runs:
        return "LML was not asked about anything."
    return (
        f"LML was asked about {cost.asked:,} library rows. Runs: {cost.runs:,}; calls: {cost.calls:,}; LML's time: "
        f"{cost.latency_ms / 1000:,.1f} s, which is {cost.latency_ms / cost.asked:.1f} ms a row."
    )


def _run_cells(run: StationRun) -> Sequence[str]:
    keys = run.partitions
    return (
        f"[{run.run_id[:8]}](/runs/{run.run_id})",
        "chosen assets" if run.job == "__ASSET_JOB" else run.job,
        run.status.lower(),
        "" if not keys else keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}",
        "" if run.started_at is None else f"{run.started_at:%d %b %H:%M}",
        "" if run.seconds is None else f"{run.seconds:,.1f}",
        run.launched_by.replace("|", "/"),
    )


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
