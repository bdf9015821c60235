"""What all benchmarks share: their options, medians and ratios, the table on stdout, and the JSON file.

Not here: the server (`_server`), and what is measured.
"""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROGRAMS = ("ours", "plain", "floor")
"""This project, the plain baseline, and the least work that gives the same result."""

Measures = Mapping[str, float]
"""The figures of one program in one repetition, by name. Times are in seconds, memory is in MiB."""


def arguments(description: str | None, *, rows: int, repeat: int | None) -> argparse.ArgumentParser:
    """The options that every benchmark has. `repeat` is the default of `--repeat`; None leaves that option out."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=rows, help="library rows (default: %(default)s)")
    if repeat is not None:
        parser.add_argument("--repeat", type=int, default=repeat, help="repetitions (default: %(default)s)")
    parser.add_argument("--no-fsync", action="store_true", help="PostgreSQL does not wait for the disk")
    parser.add_argument(
        "--bindir", type=Path, metavar="FOLDER", help="the PostgreSQL of these binaries (default: the demo's)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report to this file")
    return parser


def with_programs(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the option that leaves out one of the three programs."""
    parser.add_argument(
        "--programs",
        type=_programs,
        default=PROGRAMS,
        metavar="NAMES",
        help="a comma-separated part of ours,plain,floor (default: all)",
    )
    return parser


def _programs(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(PROGRAMS):
        raise argparse.ArgumentTypeError(f"{text}: use a comma-separated part of {','.join(PROGRAMS)}")
    return names


@dataclass(frozen=True)
class Report:
    """The result of one benchmark: for each program the measures of each repetition.

    `details` is what only this benchmark reports.
    """

    benchmark: str
    rows: int
    options: Mapping[str, object]
    runs: Mapping[str, Sequence[Measures]]
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def medians(self) -> dict[str, dict[str, float]]:
        """For each program the median of each measure."""
        return {
            program: {name: round(_median(runs, name), 4) for name in runs[0]}
            for program, runs in self.runs.items()
            if runs
        }

    @property
    def ratios(self) -> dict[str, float]:
        """The median over the repetitions of `plain / ours` and `ours / floor`, in seconds of the clock.

        Both programs of a ratio ran in the same repetition, so that a busy machine slows both.
        """
        found = {}
        for above, below in (("plain", "ours"), ("ours", "floor")):
            if above in self.runs and below in self.runs:
                pairs = zip(self.runs[above], self.runs[below], strict=True)
                quotients = [one["seconds"] / max(other["seconds"], 1e-9) for one, other in pairs]
                found[f"{above} / {below}"] = round(statistics.median(quotients), 2)
        return found

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        return {
            "benchmark": self.benchmark,
            "rows": self.rows,
            "options": dict(self.options),
            "machine": machine(),
            "runs": {program: [dict(run) for run in runs] for program, runs in self.runs.items()},
            "median": self.medians,
            "ratios": self.ratios,
            **self.details,
        }


def machine() -> dict[str, object]:
    """Where the figures were taken. A load above the number of cores says that the machine was busy."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def finish(report: Report, json_file: Path | None) -> None:
    """Print the table, and write the JSON file if one is named."""
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    Console().print(table_of(report))


def table_of(report: Report) -> Table:
    """The medians, a measure a line and a program a column, and the ratios below them."""
    medians = report.medians
    repetitions = max(map(len, report.runs.values()), default=0)
    table = Table(title=f"{report.benchmark}: {report.rows:,} rows, median of {repetitions}")
    table.add_column("")
    for program in medians:
        table.add_column(program, justify="right")
    for name in dict.fromkeys(name for measures in medians.values() for name in measures):
        table.add_row(name, *(_shown(measures.get(name)) for measures in medians.values()))
    for name, ratio in report.ratios.items():
        table.add_row(name, f"{ratio:.2f}")
    return table


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


def _median(runs: Sequence[Measures], name: str) -> float:
    return statistics.median(run[name] for run in runs if name in run)
