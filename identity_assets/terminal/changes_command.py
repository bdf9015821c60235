"""The command `changes`: what a run changed, row by row."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from identity_assets.settings import settings
from identity_assets.terminal.common import csv_option, json_option, migrated_database
from identity_assets.terminal.output import FAILED, console, print_json, say, stop
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.backend.preview.changes import Change


@click.command()
@click.option(
    "--run",
    "run_id",
    metavar="RUN_ID",
    required=True,
    help="The run, replay or unwind. The first eight characters are enough.",
)
@csv_option
@json_option
def changes(run_id: str, csv_path: Path | None, as_json: bool) -> None:
    """Show what a run changed, row by row: from what to what.

    The journal remembers a run for UNWIND_DAYS. `dry-run --changes` shows the same in advance.
    """
    if csv_path is not None and as_json:
        raise click.UsageError("--csv and --json exclude each other: choose one")
    settings().require_database_url()
    from identity_assets.backend.ledger.runs import find_run
    from identity_assets.backend.reports.changes_of_run import changes_of_run
    from identity_assets.terminal.changes_report import ChangesSample, print_changes_made

    sample = ChangesSample()
    rows: list[Change] = []
    with migrated_database(settings(), "changes", read_only=True) as database:
        run = find_run(database, run_id)
        found = changes_of_run(database, run.run_id)
        if csv_path is not None:
            _write(csv_path, found)
            return
        for change in found:
            sample.add(change)
            if as_json:
                rows.append(change)
    if not sample.counts:
        stop(f"run {run.run_id} changed nothing, or what it changed was taken back", FAILED)
    if as_json:
        listed = [{**change.as_dict(), "changed_since": change.changed_since} for change in rows]
        print_json({"run_id": run.run_id, "changes": dict(sample.counts), "rows": listed})
    else:
        print_changes_made(console(), run.run_id, sample)


def _write(path: Path, found: "Iterable[Change]") -> None:
    from identity_assets.terminal.changes_report import CSV_HEADER, change_lines
    from identity_assets.terminal.csv_files import csv_file

    written = 0
    with csv_file(path, CSV_HEADER) as write:
        for change in found:
            written += 1
            for line in change_lines(change):
                write(line)
    say(f"{number_of(written, 'library row')} written to {path}")
