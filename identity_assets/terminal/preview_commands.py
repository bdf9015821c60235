"""The command that predicts what a run or a leg would do: `dry-run`. It writes nothing to the database."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from identity_assets.ask_again import AskAgain, ask_again_of
from identity_assets.settings import Leg, Scope, Settings, settings
from identity_assets.terminal.common import (
    ask_again_options,
    csv_option,
    json_option,
    migrated_database,
    partition_option,
    scope_option,
)
from identity_assets.terminal.output import (
    FAILED,
    console,
    expect_json,
    print_json,
    progress_on_stderr,
    say,
    stop,
)

if TYPE_CHECKING:
    from identity_assets.backend.preview.changes import Change
    from identity_assets.backend.preview.dry_run import DryRun


@click.command("dry-run")
@scope_option
@partition_option
@ask_again_options
@click.option("--changes", is_flag=True, help="Print each identity that would change, as a table.")
@json_option
@click.option("--leg", type=click.Choice([str(leg) for leg in Leg]), help="Predict this leg, not a run.")
@csv_option
def dry_run(
    scope: str | None,
    partitions: Sequence[str],
    ask_again: str | None,
    library_ids: tuple[int, ...],
    asked_before: str | None,
    changes: bool,
    as_json: bool,
    leg: str | None,
    csv_path: Path | None,
) -> None:
    """Predict a run and write nothing.

    LML is asked what a run would ask. The result is one JSON object; with --changes it is a table, or one JSON
    object if --json is given too.
    """
    again = ask_again_of(ask_again, library_ids, asked_before)
    if leg is not None:
        if changes or csv_path is not None or scope is not None or again is not None:
            raise click.UsageError("--leg does not ask LML and has no scope: use it with --partition only")
        print_json(_predict_leg(Leg(leg), partitions))
        return
    if csv_path is not None and not changes:
        raise click.UsageError("--csv needs --changes")
    if csv_path is not None and as_json:
        raise click.UsageError("--csv and --json exclude each other: choose one")
    chosen = settings() if scope is None else replace(settings(), scope=Scope(scope))
    chosen.require_database_url()
    chosen.require_library_metadata_url()
    from identity_assets.partition_keys import known_keys

    keys = known_keys(partitions)
    if not changes:
        print_dry_run(chosen, keys, again)
    elif csv_path is not None:
        _changes_to_csv(chosen, keys, again, csv_path)
    elif as_json:
        _changes_as_json(chosen, keys, again)
    else:
        _changes_as_table(chosen, keys, again)


def print_dry_run(chosen: Settings, keys: Sequence[str], again: AskAgain | None) -> None:
    """Print the one JSON object of a dry run of these partitions."""
    predicted = _predict(chosen, keys, again, lambda _change: None)
    _print_json(predicted, predicted.as_dict())


def _changes_to_csv(chosen: Settings, keys: Sequence[str], again: AskAgain | None, csv_path: Path) -> None:
    from identity_assets.terminal.changes_report import CSV_HEADER, change_lines
    from identity_assets.terminal.csv_files import csv_file

    with csv_file(csv_path, CSV_HEADER) as write:

        def write_change(change: "Change") -> None:
            for line in change_lines(change):
                write(line)

        predicted = _predict(chosen, keys, again, write_change)
    _print_json(predicted, predicted.as_dict())


def _changes_as_json(chosen: Settings, keys: Sequence[str], again: AskAgain | None) -> None:
    rows: list[Change] = []
    predicted = _predict(chosen, keys, again, rows.append)
    changes = {**predicted.changes, "rows": [one.as_dict() for one in rows]}
    _print_json(predicted, {**predicted.as_dict(), "changes": changes})


def _changes_as_table(chosen: Settings, keys: Sequence[str], again: AskAgain | None) -> None:
    from identity_assets.terminal.changes_report import ChangesSample, print_changes

    sample = ChangesSample()
    predicted = _predict(chosen, keys, again, sample.add)
    print_changes(console(), predicted, sample)
    if predicted.failure is not None:
        stop(predicted.failure, FAILED)


def _predict(
    chosen: Settings, keys: Sequence[str], again: AskAgain | None, on_change: "Callable[[Change], None]"
) -> "DryRun":
    from identity_assets.backend.ledger.library_rows import require_library_rows
    from identity_assets.backend.preview.dry_run import dry_run
    from identity_assets.lml.client import client_of
    from identity_assets.partition_keys import buckets_of

    buckets, scope = buckets_of(keys), chosen.scope
    with migrated_database(chosen, "dry run", read_only=True) as database, client_of(chosen) as client:
        require_library_rows(database, () if again is None else again.library_ids)
        stage = partial(progress_on_stderr().stage, say, "asking LML")
        return dry_run(
            database, client, buckets, chosen, scope, stage=stage, on_change=on_change, ask_again=again
        )


def _predict_leg(leg: Leg, partitions: Sequence[str]) -> dict[str, object]:
    settings().require_database_url()
    if leg is Leg.S3:
        settings().require_database_url_discogs()
    from identity_assets.gathering import dry_run_leg
    from identity_assets.partition_keys import buckets_of, known_keys

    buckets = buckets_of(known_keys(partitions))
    with migrated_database(settings(), f"dry run of {leg}", read_only=True) as database:
        return dry_run_leg(database, settings(), leg, buckets)


def _print_json(predicted: "DryRun", result: dict[str, object]) -> None:
    for remark in predicted.remarks:
        say(remark)
    if predicted.failure is not None:
        expect_json()
        stop(predicted.failure, FAILED, result)
    print_json(result)
