"""The one screen of `identity-assets status`.

The numbers come from backend/reports/ and from status_runs.py; this module only prints them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from identity_assets.backend.reports.outlook import RecentWrite, TickCost
from identity_assets.backend.reports.overview import REASONS, DueDay, Overview
from identity_assets.gate_trend import GateMoment
from identity_assets.settings import Scope
from identity_assets.terminal.status_runs import RunLine, ScheduleLine, inputs_per_second
from identity_assets.wording import number_of

STATE_LABELS = {
    "resolved": "resolved",
    "low_confidence": "confidence below 0.70",
    "manual": "manual, set by a person",
    "resolved_compilation": "compilation, tracks known",
    "decided_none": "no identity, says a person",
    "unresolved_in_window": "unresolved, in window",
    "compilation_in_window": "compilation, in window",
    "invalid_in_window": "set aside, in window",
    "rejected_in_window": "rejected, in window",
    "answer_held": "answer held back",
    "retry_due": "to be tried again",
    "names_changed": "names changed",
    "invalid_retry_due": "set aside, to ask again",
    "asked_again": "to be asked again",
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

COUNT_LABELS = {
    "scanned": "scanned",
    "resolved": "resolved",
    "resolved_compilation": "resolved by track",
    "unresolved": "unresolved",
    "asked": "asked",
}

RARE = frozenset({"decided_none", "rejected_in_window", "asked_again"})
"""States and reasons that have a line only if there are such rows."""

WIDE = 80
LEFT, BAR = 36, 19
RUNS_SHOWN = 3
HEIGHTS = "▁▂▃▄▅▆▇█"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class StationRuns:
    """What Dagster knows: runs that go on, the last runs, the schedules, and earlier figures of the gate.

    `other_writes` are the runs of the journal that are not in Dagster, the last one first.
    """

    running: Sequence[RunLine] = ()
    last: Sequence[RunLine] = ()
    schedules: Sequence[ScheduleLine] = ()
    other_writes: Sequence[RecentWrite] = ()
    trend: Sequence[GateMoment] = ()


@dataclass(frozen=True)
class Status:
    """All that the screen shows. Without a Dagster instance, `runs` and `cost`, that of the next tick, are None."""

    overview: Overview
    runs: StationRuns | None
    cost: TickCost | None
    gate: Mapping[str, object]

    @property
    def cost_seconds(self) -> float | None:
        """How long the next nightly run asks LML at the last rate; None if none of the last runs shows it."""
        if self.cost is None or self.runs is None:
            return None
        rate = inputs_per_second(self.runs.last, self.cost.inputs)
        return None if rate is None else round(self.cost.inputs / rate, 1)

    def as_dict(self) -> dict[str, Any]:
        """The object of `status --json`."""
        runs = self.runs
        cost = None if self.cost is None else {**vars(self.cost), "seconds": self.cost_seconds}
        return {
            **self.overview.as_dict(),
            "last_runs": None if runs is None else [one.as_dict() for one in runs.last],
            "running": None if runs is None else [one.as_dict() for one in runs.running],
            "other_writes": None if runs is None else [one.as_dict() for one in runs.other_writes],
            "schedules": None if runs is None else [one.as_dict() for one in runs.schedules],
            "next_refresh": cost,
            "gate": dict(self.gate),
            "gate_trend": None if runs is None else [_moment_as_dict(one) for one in runs.trend],
        }


def _moment_as_dict(moment: GateMoment) -> dict[str, object]:
    evaluated_at = moment.evaluated_at.isoformat()
    return {"evaluated_at": evaluated_at, "truly_unresolved_rows": moment.truly_unresolved_rows}


def print_status(console: Console, status: Status) -> None:
    """Print the screen: about 30 lines of 80 columns, or one section below the other on a narrow terminal."""
    overview = status.overview
    heading = Text(f"Due next, scope {overview.scope}, days in UTC", style="bold")
    due = Group(_due_now(overview), Text(), heading, _next_due(overview, _block(console)))
    states = Group(_states(overview), *_held(overview))
    if console.width < WIDE:
        console.print(states, Text(), due, Text(), sep="\n")
    else:
        blocks = Table.grid(padding=(0, 2))
        blocks.add_column(width=LEFT)
        blocks.add_column(overflow="ellipsis", no_wrap=True)
        blocks.add_row(states, due)
        console.print(blocks)
        console.print()
    runs = _runs(status.runs, in_two_lines=console.width < WIDE)
    for line in (*runs, *_schedules(status), *_gate(status, _block(console))):
        console.print(line)


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


def _runs(runs: StationRuns | None, *, in_two_lines: bool) -> Iterator[RenderableType]:
    """The runs that go on, then those that ended and what commands wrote outside Dagster, the newest first."""
    if runs is None:
        yield Text.assemble(("Last runs", "bold"), "  no Dagster instance: set DAGSTER_HOME")
        return
    if runs.running:
        yield Text("Running now", "bold")
        for one in runs.running:
            yield from _run(one, in_two_lines=in_two_lines)
    ended = [
        (one.started_at or _NEVER, _run(one, in_two_lines=in_two_lines)) for one in runs.last if one.has_ended
    ]
    ended += [(one.first_written_at, _other_write(one)) for one in runs.other_writes]
    if not ended:
        yield Text.assemble(("Last runs", "bold"), "  no runs yet")
        return
    yield Text("Last runs", "bold")
    for _, lines in sorted(ended, key=lambda one: one[0], reverse=True)[:RUNS_SHOWN]:
        yield from lines


def _run(one: RunLine, *, in_two_lines: bool) -> Iterator[RenderableType]:
    started = "not started" if one.started_at is None else _minute(one.started_at)
    status = Text(one.status.lower(), "red" if one.status == "FAILURE" else "")
    duration = [] if one.seconds is None else [format_duration(one.seconds)]
    rest = "  ".join([one.partitions or "-", *duration, one.job])
    head = Text.assemble(f"{one.run_id[:8]} {started}  ", status)
    if in_two_lines:
        yield _indented(head)
        yield _indented(Text(rest), 4)
    else:
        yield _indented(head.append(f"  {rest}"))
    details = [f"by {one.launched_by}"] if one.launched_by else []
    told = {name: count for name, count in one.counts.items() if count}
    if told.get("asked") == told.get("scanned"):
        told.pop("asked", None)
    calls = told.pop("lml_total_calls", 0)
    details += [f"{count:,} {COUNT_LABELS[name]}" for name, count in told.items()]
    details += [number_of(calls, "LML call")] if calls else []
    details += [f"{number_of(one.taken_back, 'row')} taken back"] if one.taken_back else []
    if details:
        yield _indented(Text(", ".join(details)), 4)
    if one.failure is not None:
        yield _indented(Text(shortened(one.failure)), 4)


def _other_write(one: RecentWrite) -> Iterator[RenderableType]:
    what = "run without DAGSTER_HOME" if one.is_pass else "replay, unwind or correction"
    yield _indented(
        Text(
            f"{one.run_id[:8]} {_minute(one.first_written_at)}  wrote "
            f"{number_of(one.library_rows, 'library row')}  {what}"
        )
    )


def _schedules(status: Status) -> Iterator[RenderableType]:
    """Whether each schedule is on and when it ticks next, and what the next nightly run costs LML."""
    runs = status.runs
    if runs is None:
        return
    yield Text("Schedules", "bold")
    for one in runs.schedules:
        state = f"on, next {_minute(one.next_tick)} UTC" if one.is_on else "off: turn it on in the Dagster UI"
        yield _indented(Text(f"{one.name}  {state}"))
    if status.cost is not None:
        yield _indented(Text(f"the next refresh {_costs(status.cost, status.cost_seconds)}"))


def _costs(cost: TickCost, seconds: float | None) -> str:
    if not cost.inputs:
        return "has nothing to ask LML"
    if seconds is None:
        took = "none of the last runs asked about enough rows to say how long"
    else:
        took = f"{format_duration(seconds)} at the last rate"
    return f"asks LML about {number_of(cost.inputs, 'row')} in {number_of(cost.calls, 'call')}: {took}"


def _gate(status: Status, block: str) -> Iterator[RenderableType]:
    """The gate's status and the two numbers that it compares, and how the first of them has moved."""
    gate = status.gate
    yield Text.assemble(
        ("Gate", "bold"),
        f"  {gate['gate_status']}: {gate['truly_unresolved_rows']:,} truly unresolved library rows, "
        f"complete below {gate['threshold']:,}",
    )
    trend = () if status.runs is None else status.runs.trend
    if trend:
        figures = [one.truly_unresolved_rows for one in trend]
        drawn = f"{sparkline(figures)}  " if block == "█" else ""
        yield _indented(
            Text(
                f"{drawn}{figures[0]:,} to {figures[-1]:,} in {number_of(len(figures), 'evaluation')} "
                f"since {trend[0].evaluated_at:%d %b}"
            )
        )


def sparkline(figures: Sequence[int]) -> str:
    """A block for each figure, as high as the figure is between the lowest and the highest of them."""
    low, high = min(figures), max(figures)
    steps = len(HEIGHTS) - 1
    return "".join(
        HEIGHTS[round(steps * (figure - low) / (high - low)) if high > low else 0] for figure in figures
    )


def shortened(text: str, most: int = 140) -> str:
    """The text as it is, or its beginning if it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%d %b %H:%M")


def _indented(text: Text, columns: int = 2) -> Padding:
    return Padding(text, (0, 0, 0, columns), expand=False)


def format_duration(seconds: float) -> str:
    """The duration as `4.2 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
