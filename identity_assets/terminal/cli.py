"""The command line: what is printed, and the exit code. Each command imports what it needs when it runs.

0: done. 1: it was tried and failed. 2: it was called wrongly, or a setting or an input file is not valid.
"""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from identity_assets import __version__
from identity_assets.backend.database import Database, DatabaseError
from identity_assets.errors import OperatorError
from identity_assets.settings import Leg, LogFormat, Scope, settings
from identity_assets.telemetry.logs import form_for, start_logs
from identity_assets.terminal.output import (
    FAILED,
    INTERRUPTED,
    WRONG,
    print_json,
    progress_on_stderr,
    say,
    stop,
    voice,
)
from identity_assets.terminal.undo_commands import dry_run, replay, show_dry_run, unwind

if TYPE_CHECKING:
    from identity_assets.demo.catalogue import Catalogue
    from identity_assets.terminal.run_pass import PassReport

DEMO_HOME = ".demo"

# Dagster says of each that it is beta, or superseded; known, and not the operator's business.
KNOWN_WARNINGS = (
    "Parameter `backfill_policy`",
    "Function `with_source_code_references`",
    "Class `LocalFileCodeReference`",
    "Class `CodeReferencesMetadataValue`",
    "Function `dev_command`",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="identity-assets")
def cli() -> None:
    """Who made each release in the catalogue: ask LML about the library rows that are due, write what it says."""


@cli.command()
@click.option("--down", is_flag=True, help="Take this project's tables down again, with what is in them.")
def migrate(down: bool) -> None:
    """Bring this project's own tables up to date in the Backend database that DATABASE_URL names."""
    from identity_assets.backend.migrate import migrate as run_migrations

    with Database(settings(), "migrate") as database:
        before, after = run_migrations(database, "base" if down else "head")
    say(
        f"already at revision {after or 'none'}: nothing to do"
        if before == after
        else f"migrated from revision {before or 'none'} to {after or 'none'}"
    )


@cli.command()
@click.option(
    "--scope", type=click.Choice([str(scope) for scope in Scope]), help="Which library rows to look at."
)
@click.option(
    "--partition", "partitions", multiple=True, metavar="KEY", help="A partition such as 03; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def run(scope: str | None, partitions: Sequence[str], as_json: bool) -> None:
    """Run the whole graph once, here: select what is due, ask LML, write. Without --partition: all of them."""
    form = form_for(settings().log_format)
    start_logs(form)
    voice.logs = form is LogFormat.json
    chosen = settings() if scope is None else replace(settings(), scope=Scope(scope))
    chosen.require_database_url()
    chosen.require_library_metadata_url()
    if Leg.S3 in chosen.identity_legs:
        chosen.require_database_url_discogs()
    from identity_assets.partition_keys import known_keys

    keys = known_keys(partitions)
    if chosen.dry_run:
        say("DRY_RUN=true: nothing is written, and the figures are those of `identity-assets dry-run`")
        show_dry_run(chosen, keys)
        return
    from identity_assets.demo.report import print_pass
    from identity_assets.terminal.run_pass import dagster_instance, run_pass

    with dagster_instance(say) as instance:
        report = run_pass(
            chosen,
            instance,
            keys,
            progress_on_stderr(),
            log_level="INFO" if voice.logs else "CRITICAL",
        )
    if as_json:
        print_json(report.as_dict())
    else:
        print_pass(Console(), "run", report)
    for run_id in report.run_ids:
        say(f"`identity-assets unwind --run {run_id}` takes back what this run wrote")
    _stop_if_failed(report)


def _stop_if_failed(report: "PassReport") -> None:
    for failure in report.failures:
        say(f"identity-assets: {failure}", logging.ERROR)
    if report.failures:
        sys.exit(FAILED)


@cli.command()
@click.argument("library_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def explain(library_id: int, as_json: bool) -> None:
    """Tell the whole story of one library row: due or not, what LML said, what was written, and the gate."""
    from identity_assets.backend.migrate import require_migrated
    from identity_assets.backend.reports.story import read_story, was_known
    from identity_assets.terminal.explain_page import print_story
    from identity_assets.terminal.sentences import missing_sentence

    with Database(settings(), "explain") as database:
        require_migrated(database)
        story = read_story(database, settings(), library_id)
        if story is None:
            stop(missing_sentence(library_id, is_gone=was_known(database, library_id)), FAILED)
    if as_json:
        print_json(story.as_dict())
    else:
        print_story(Console(), story)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def status(as_json: bool) -> None:
    """Show one screen: library rows by state, what is due now and next, the last runs, the gate."""
    from identity_assets.backend.migrate import require_migrated
    from identity_assets.backend.reports.gate import read_gate
    from identity_assets.backend.reports.overview import read_overview
    from identity_assets.terminal.run_pass import kept_instance
    from identity_assets.terminal.status_screen import last_runs, print_status

    with Database(settings(), "status") as database:
        require_migrated(database)
        overview = read_overview(database, settings())
        report = read_gate(database, settings().gate_threshold).as_dict()
    runs = None
    if os.environ.get("DAGSTER_HOME"):
        with kept_instance() as instance:
            runs = last_runs(instance)
    if as_json:
        shown = None if runs is None else [one.as_dict() for one in runs]
        print_json({**overview.as_dict(), "last_runs": shown, "gate": report})
    else:
        print_status(Console(), overview, runs, report)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def gate(as_json: bool) -> None:
    """Print the gate report. Exit code 0: PASS, 1: FAIL, 2: it could not be read."""
    from identity_assets.backend.migrate import require_migrated
    from identity_assets.backend.reports.gate import read_gate
    from identity_assets.terminal.gate_report import print_gate

    try:
        with Database(settings(), "gate") as database:
            require_migrated(database)
            report = read_gate(database, settings().gate_threshold)
    except DatabaseError as error:
        stop(str(error), WRONG)
    if as_json:
        print_json(report.as_dict())
    else:
        print_gate(Console(), report)
    sys.exit(0 if report.gate_status == "PASS" else FAILED)


@cli.command()
@click.option(
    "--rows",
    type=click.IntRange(1, 2_000_000),
    default=64_676,
    show_default=True,
    help="Seeded library rows.",
)
@click.option("--catalog", type=click.Path(path_type=Path), help="A CSV of releases to load instead.")
@click.option(
    "--artist-column", default="artist_name", show_default=True, help="The CSV's column of artists."
)
@click.option("--title-column", default="album_title", show_default=True, help="The CSV's column of titles.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=DEMO_HOME,
    show_default=True,
    help="Where its databases live.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def demo(
    rows: int, catalog: Path | None, artist_column: str, title_column: str, home: Path, as_json: bool
) -> None:
    """Show the whole job on an embedded PostgreSQL and a fixture LML: three runs, the two legs, what they came to."""
    chosen = settings()
    catalogue = _catalogue_maker(rows, catalog, artist_column, title_column)
    import dagster as dg

    from identity_assets.backend.reports.gate import read_gate
    from identity_assets.demo.report import gate_line, print_comparison, print_pass
    from identity_assets.demo.station import station
    from identity_assets.partitions import library_partitions
    from identity_assets.terminal.gate_report import print_gate
    from identity_assets.terminal.run_pass import run_pass

    began = time.monotonic()
    out = Console()
    say(f"starting PostgreSQL and the fixture LML under {home}")
    with (
        station(chosen, home, catalogue) as here,
        dg.DagsterInstance.from_config(str(here.dagster_home)) as instance,
    ):
        say(f"{here.library_rows:,} library rows loaded")
        reports = []
        for name, scope in (("canonical", Scope.canonical), ("full", Scope.full), ("again", Scope.full)):
            report = run_pass(
                replace(here.settings, scope=scope, identity_legs=()),
                instance,
                library_partitions.get_partition_keys(),
                progress_on_stderr(),
            )
            reports.append(report)
            _stop_if_failed(report)
            if not as_json:
                print_pass(out, name, report)
        gates = []
        for name, legs in (("LML alone", ()), ("with S1", (Leg.S1,)), ("with S1 and S3", (Leg.S1, Leg.S3))):
            with_legs = replace(here.settings, scope=Scope.full, identity_legs=legs)
            if legs:
                _stop_if_failed(
                    run_pass(
                        with_legs, instance, library_partitions.get_partition_keys(), progress_on_stderr()
                    )
                )
            with Database(here.settings, "gate") as database:
                gates.append((name, read_gate(database, here.settings.gate_threshold)))
    seconds = round(time.monotonic() - began, 3)
    if as_json:
        runs = [report.as_dict() for report in reports]
        print_json({"library_rows": here.library_rows, "runs": runs, "seconds": seconds})
        say(gate_line(gates))
    else:
        print_comparison(out, here.library_rows, reports)
        print_gate(out, gates[-1][1])
        click.echo(gate_line(gates))
        again = "" if str(home) == DEMO_HOME else f" --home {home}"
        click.echo(
            f"everything is stopped again, after {seconds:.0f} s; `identity-assets ui{again}` shows it in Dagster"
        )


def _catalogue_maker(
    rows: int, catalog: Path | None, artist_column: str, title_column: str
) -> "Callable[[], Catalogue]":
    """What makes the catalogue; a CSV is read at once, so that a bad one ends before anything is started."""
    from identity_assets.demo.catalogue import csv_catalogue, seeded_catalogue

    if catalog is None:
        return lambda: seeded_catalogue(rows)
    loaded = csv_catalogue(catalog, artist_column=artist_column, title_column=title_column)
    return lambda: loaded


@cli.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=DEMO_HOME,
    show_default=True,
    help="The demo's databases.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option(
    "--rows",
    type=click.IntRange(1, 2_000_000),
    default=64_676,
    show_default=True,
    help="Seeded library rows, where there is no demo yet.",
)
@click.option("--fresh", is_flag=True, help="Begin with a new library that nothing has been run on.")
def ui(home: Path, port: int, rows: int, fresh: bool) -> None:
    """Serve the Dagster UI on 127.0.0.1 over the demo's database and the fixture LML, until Ctrl-C."""
    _stop_if_port_is_taken(port)
    from identity_assets.demo.catalogue import seeded_catalogue
    from identity_assets.demo.station import environment_file, station

    say(f"starting PostgreSQL and the fixture LML under {home}")
    try:
        with station(settings(), home, lambda: seeded_catalogue(rows), fresh=fresh) as here:
            say(
                f"{here.library_rows:,} library rows; the UI comes up at http://127.0.0.1:{port}, Ctrl-C ends it"
            )
            with environment_file(here, home) as file:
                say(f"for the commands, in another terminal: . {file}")
                code = _serve_ui(port, here.environment())
    except KeyboardInterrupt:
        say("everything is stopped again")
        return
    if code:
        stop(f"dagster dev ended with exit code {code}", FAILED)


def _serve_ui(port: int, station_env: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "dagster", "dev", "-m", "identity_assets.code_location"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    quiet = ",".join(f"ignore:{beta}" for beta in KNOWN_WARNINGS)
    with _child(command, {**os.environ, **station_env, "PYTHONWARNINGS": quiet}) as served:
        return served.wait()


@contextmanager
def _child(command: Sequence[str], env: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that is asked to end when the block does, and made to when it does not."""
    process = subprocess.Popen(command, env=env, start_new_session=True)
    try:
        yield process
    finally:
        for wanted, seconds in ((signal.SIGINT, 20), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            if process.poll() is None:
                process.send_signal(wanted)
                with ExitStack() as ignored:
                    ignored.push(lambda kind, *_: kind is subprocess.TimeoutExpired)
                    process.wait(seconds)


def _stop_if_port_is_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            stop(
                f"port {port} of 127.0.0.1 cannot be had ({error.strerror}): choose another with --port",
                FAILED,
            )


for command in (dry_run, replay, unwind):
    cli.add_command(command)


def main() -> None:
    """The `identity-assets` command."""
    # A container's stop ends like Ctrl-C, with everything put away; also where a shell started this in the
    # background, which ignores SIGINT, and with it what Dagster makes of SIGTERM.
    for told_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told_to_stop, signal.default_int_handler)
    for beta in KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=re.escape(beta))
    try:
        settings()
        cli(standalone_mode=False)
    except OperatorError as error:
        stop(str(error), error.exit_code)
    except click.UsageError as error:
        stop(error.format_message(), WRONG)
    except (click.Abort, KeyboardInterrupt):
        stop("interrupted", INTERRUPTED)


if __name__ == "__main__":
    main()
