"""The one screen of `identity-assets status`, and the last runs of Dagster that it shows.

The numbers come from backend/reports/overview.py and backend/reports/gate.py; this module only prints them.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from identity_assets.backend.reports.overview import REASONS, DueDay, Overview
from identity_assets.settings import Scope

STATE_LABELS = {
    "resolved": "resolved",
    "low_confidence": "confidence below 0.70",
    "manual": "manual, set by a person",
    "decided_none": "no identity, says a person",
    "unresolved_in_window": "unresolved, in window",
    "compilation_in_window": "compilation, in window",
    "invalid_in_window": "set aside, in window",
    "rejected_in_window": "rejected, in window",
    "answer_held": "answer held back",
    "retry_due": "to be tried again",
    "names_changed": "names changed",
    "invalid_retry_due": "set aside, to ask again",
    "never_asked": "never asked",
    "no_artist_name": "no artist name",
}
REASON_LABELS = {
    "never_asked": "never asked",
    "names_changed": "names changed",
    "retry_due": "to be tried again",
    "invalid_retry_due": "answer set aside",
    "stale": "stale",
    "asked_again": "to be asked again",
}

RARE = frozenset({"decided_none", "rejected_in_window", "asked_again"})
"""States and reasons that have a line only if there are such rows."""

LEFT, BAR = 36, 19
RUNS_SHOWN = 3


@dataclass(frozen=True)
class RunLine:
    """One Dagster run. `partitions` is a key or a range of keys; `seconds` is the time so far if the run goes on."""

    run_id: str
    job: str
    status: str
    started_at: datetime | None
    partitions: str | None
    seconds: float | None

    def as_dict(self) -> dict[str, Any]:
        """The run as `status --json` prints it."""
        started_at = None if self.started_at is None else self.started_at.isoformat()
        return {**vars(self), "started_at": started_at}


def last_runs(instance: dg.DagsterInstance, limit: int = 5) -> list[RunLine]:
    """The last runs of all jobs of the instance, the newest first."""
    return [_run_line(record) for record in instance.get_run_records(limit=limit)]


def _run_line(record: dg.RunRecord) -> RunLine:
    run, started_at = record.dagster_run, record.start_time
    ended_at = record.end_time if run.is_finished else time.time()
    return RunLine(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status.value,
        started_at=None if started_at is None else datetime.fromtimestamp(started_at, UTC),
        partitions=_partitions(run.tags),
        seconds=None if started_at is None or ended_at is None else round(ended_at - started_at, 1),
    )


def _partitions(tags: Mapping[str, str]) -> str | None:
    first = tags.get("dagster/asset_partition_range_start")
    last = tags.get("dagster/asset_partition_range_end")
    if first is None or last is None:
        return tags.get("dagster/partition")
    return first if first == last else f"{first} to {last}"


def print_status(
    console: Console,
    overview: Overview,
    runs: Sequence[RunLine] | None,
    gate: Mapping[str, object] | None,
) -> None:
    """Print the screen, 24 lines of 80 columns, with the first three of `runs`.

    `runs` is None if there is no Dagster instance, `gate` is None if the gate cannot be read. The screen shows
    `truly_unresolved_rows`, `threshold` and `gate_status` of the gate.
    """
    heading = Text(f"Due next, scope {overview.scope}, days in UTC", style="bold")
    blocks = Table.grid(padding=(0, 2))
    blocks.add_column(width=LEFT)
    blocks.add_column(overflow="ellipsis", no_wrap=True)
    blocks.add_row(
        Group(_states(overview), *_held(overview)),
        Group(_due_now(overview), Text(), heading, _next_due(overview, _block(console))),
    )
    console.print(blocks)
    console.print()
    console.print(_runs(runs))
    console.print(gate_line(gate))


def _block(console: Console) -> str:
    return "█" if console.encoding.startswith("utf") else "#"


def _counts(
    heading: Sequence[str], lines: Iterable[tuple[str, Sequence[int]]], total: Sequence[int]
) -> Table:
    """A table of labels and numbers, with the total in its last row."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1)
    for _ in total:
        table.add_column(justify="right")
    table.add_row(*(Text(cell, style="bold") for cell in heading))
    for label, counts in lines:
        table.add_row(Text(f"  {label}"), *(Text(f"{count:,}") for count in counts))
    table.add_row(Text("  in all", style="bold"), *(Text(f"{count:,}", style="bold") for count in total))
    return table


def _states(overview: Overview) -> Table:
    lines = [
        (STATE_LABELS[state], [rows]) for state, rows in overview.states.items() if rows or state not in RARE
    ]
    return _counts(["Library rows", ""], lines, [overview.library_rows])


def _held(overview: Overview) -> list[Text]:
    """Lines about held answers, if there are any: most of their rows have an identity and count as resolved."""
    if not overview.answers_held:
        return []
    return [Text(), Text(f"{overview.answers_held:,} answers are held back:"), Text("`identity-assets held`")]


def _due_now(overview: Overview) -> Table:
    """The due rows by reason, in the scope that is set and in the full scope."""
    scopes = list(dict.fromkeys((overview.scope, Scope.full)))
    lines = [
        (REASON_LABELS[reason], [overview.due_now[scope][reason] for scope in scopes])
        for reason in REASONS
        if reason not in RARE or any(overview.due_now[scope][reason] for scope in scopes)
    ]
    total = [sum(overview.due_now[scope].values()) for scope in scopes]
    return _counts(["Due now", *map(str, scopes)], lines, total)


def _next_due(overview: Overview, block: str) -> Table:
    most = max(one.rows for one in overview.next_due)
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(width=BAR, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for number, one in enumerate(overview.next_due):
        table.add_row(Text(f"  {_day(one, number)}"), Text(bar(one.rows, most, block)), Text(f"{one.rows:,}"))
    return table


def _day(one: DueDay, number: int) -> str:
    return "today " if number == 0 else one.day.strftime("%a %d")


def bar(rows: int, most: int, block: str = "█") -> str:
    """A bar of blocks in proportion to `rows`: `BAR` blocks for `most`, at least one block if there is a row."""
    return block * max(round(BAR * rows / most), 1) if rows else ""


def _runs(runs: Sequence[RunLine] | None) -> Table | Text:
    if not runs:
        why = "no Dagster instance: set DAGSTER_HOME" if runs is None else "no runs yet"
        return Text.assemble(("Last runs", "bold"), f"  {why}")
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    # The job is cut off if the line is too long; no other column is.
    table.add_column(overflow="ellipsis")
    table.add_row(
        *(Text(cell, style="bold") for cell in ("Last runs", "started, UTC", "status", "partitions"))
    )
    for one in runs[:RUNS_SHOWN]:
        table.add_row(*map(Text, _run_cells(one)))
    return table


def _run_cells(one: RunLine) -> list[str]:
    return [
        f"  {one.run_id[:8]}",
        "not started" if one.started_at is None else one.started_at.astimezone(UTC).strftime("%d %b %H:%M"),
        one.status.lower(),
        one.partitions or "-",
        "" if one.seconds is None else format_duration(one.seconds),
        one.job,
    ]


def format_duration(seconds: float) -> str:
    """The duration as `4.2 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def gate_line(gate: Mapping[str, object] | None) -> Text:
    """The gate's status and the two numbers that it compares."""
    if gate is None:
        return Text.assemble(("Gate", "bold"), "  cannot be read")
    return Text.assemble(
        ("Gate", "bold"),
        f"  {gate['gate_status']}: {gate['truly_unresolved_rows']:,} truly unresolved library rows, "
        f"complete below {gate['threshold']:,}",
    )
