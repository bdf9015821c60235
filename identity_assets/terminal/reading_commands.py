"""The commands that only read: `gate`, `status` and `explain`."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from identity_assets.errors import OperatorError
from identity_assets.settings import settings
from identity_assets.terminal.common import json_option, migrated_database
from identity_assets.terminal.output import FAILED, WRONG, console, print_json, say_error, stop

if TYPE_CHECKING:
    from identity_assets.backend.database import Database
    from identity_assets.backend.reports.outlook import RecentWrite
    from identity_assets.gate_trend import GateMoment
    from identity_assets.terminal.status_screen import StationRuns

EVALUATIONS_SHOWN = 14


@click.command()
@json_option
def gate(as_json: bool) -> None:
    """Print the gate report. Exit code 0: PASS, 1: FAIL, 2: the report cannot be read."""
    from identity_assets.backend.database import DatabaseError
    from identity_assets.backend.reports.gate import read_gate
    from identity_assets.terminal.gate_report import print_gate, print_trend

    try:
        with migrated_database(settings(), "gate") as database:
            report = read_gate(database, settings().gate_threshold)
    except DatabaseError as error:
        stop(str(error), WRONG)
    if as_json:
        print_json(report.as_dict())
    else:
        print_gate(console(), report)
        print_trend(console(), _gate_trend())
    sys.exit(0 if report.gate_status == "PASS" else FAILED)


def _gate_trend() -> "list[GateMoment]":
    """The last evaluations of the gate in the instance in DAGSTER_HOME; none if it is not set or cannot be used.

    The exit code of `gate` is that of the gate, so a fault of the instance is only a line on stderr.
    """
    from identity_assets.gate_trend import gate_trend
    from identity_assets.terminal.run_pass import persistent_instance

    if not os.environ.get("DAGSTER_HOME"):
        return []
    try:
        with persistent_instance() as instance:
            return gate_trend(instance, EVALUATIONS_SHOWN)
    except OperatorError as error:
        say_error(str(error))
        return []


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the state of the library on one screen.

    The screen has the library rows by state, the rows due now and next, the runs that go on and the last ones, what
    runs next and what it costs LML, and the gate.
    """
    from identity_assets.backend.reports.gate import read_gate
    from identity_assets.backend.reports.outlook import recent_writes, tick_cost
    from identity_assets.backend.reports.overview import read_overview
    from identity_assets.terminal.status_screen import RUNS_SHOWN, Status, print_status

    with migrated_database(settings(), "status", read_only=True) as database:
        overview = read_overview(database, settings())
        report = read_gate(database, settings().gate_threshold).as_dict()
        runs = cost = None
        if os.environ.get("DAGSTER_HOME"):
            runs = _station_runs(database, recent_writes(database, 2 * RUNS_SHOWN))
            cost = tick_cost(database, settings(), runs.schedules[0].next_tick)
    found = Status(overview, runs, cost, report)
    if as_json:
        print_json(found.as_dict())
    else:
        print_status(console(), found)


def _station_runs(database: "Database", written: "Sequence[RecentWrite]") -> "StationRuns":
    """What Dagster knows, which of the runs that wrote are not in it, and what was taken back."""
    from identity_assets.backend.reports.outlook import rows_taken_back
    from identity_assets.gate_trend import gate_trend
    from identity_assets.terminal.run_pass import persistent_instance
    from identity_assets.terminal.status_runs import known_run_ids, last_runs, running_runs, schedule_lines
    from identity_assets.terminal.status_screen import StationRuns

    with persistent_instance() as instance:
        known = known_run_ids(instance, [one.run_id for one in written])
        last = last_runs(instance)
        taken_back = rows_taken_back(database, [one.run_id for one in last])
        return StationRuns(
            running=running_runs(instance),
            last=[replace(one, taken_back=taken_back.get(one.run_id, 0)) for one in last],
            schedules=schedule_lines(instance, datetime.now(UTC)),
            other_writes=[one for one in written if one.run_id not in known],
            trend=gate_trend(instance, EVALUATIONS_SHOWN),
        )


@click.command()
@click.argument("library_id", type=int)
@json_option
def explain(library_id: int, as_json: bool) -> None:
    """Explain one library row.

    The page says why the row is due or not, what LML answered, what was written, and whether the gate counts it.
    """
    from identity_assets.backend.reports.story import read_story, was_known
    from identity_assets.terminal.explain_page import print_story
    from identity_assets.terminal.sentences import missing_sentence

    with migrated_database(settings(), "explain") as database:
        story = read_story(database, settings(), library_id)
        if story is None:
            is_gone = was_known(database, library_id)
            stop(missing_sentence(library_id, is_gone=is_gone), FAILED if is_gone else WRONG)
    if as_json:
        print_json(story.as_dict())
    else:
        print_story(console(), story)
