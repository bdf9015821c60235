"""The command `rows`: library rows by state, outcome or artist."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from identity_assets.evidence import LARGEST_ID
from identity_assets.settings import Scope, settings
from identity_assets.terminal.common import (
    csv_option,
    json_option,
    migrated_database,
    scope_option,
)
from identity_assets.terminal.output import console, print_json, say
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.backend.reports.rows import ListedRow

STATES = ("due", "stale", "unresolved", "truly-unresolved", "rejected", "manual", "held")
ROWS_ON_A_TERMINAL, ROWS_IN_JSON = 50, 1000


def _known_outcome(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Check the value of --outcome; the list of outcomes is imported only if the option is given."""
    if value is None:
        return None
    from identity_assets.terminal.sentences import OUTCOMES

    return str(click.Choice([name for name in OUTCOMES if name]).convert(value, option, _context))


def _completed_outcome(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The outcomes that a shell offers for --outcome."""
    from identity_assets.terminal.sentences import OUTCOMES

    return [name for name in OUTCOMES if name and name.startswith(begun)]


def _as_text(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """The name as text, also from a terminal whose locale does not say that it sends UTF-8."""
    if value is None:
        return None
    try:
        return os.fsencode(value).decode("utf-8")
    except UnicodeError as error:
        raise click.BadParameter("this name is not valid UTF-8") from error


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only rows in this state now.")
@click.option(
    "--outcome",
    metavar="OUTCOME",
    callback=_known_outcome,
    shell_complete=_completed_outcome,
    help="Only rows with this outcome in the last pass.",
)
@click.option(
    "--artist",
    metavar="NAME",
    callback=_as_text,
    help="Only releases by this artist; case and accents do not matter.",
)
@click.option(
    "--after",
    type=click.IntRange(0, LARGEST_ID),
    default=0,
    metavar="ID",
    help="Only rows after this library_id: the next page.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"At most N rows. Default: {ROWS_ON_A_TERMINAL}, with --json {ROWS_IN_JSON}, with --csv all.",
)
@scope_option
@csv_option
@json_option
def rows(
    state: str | None,
    outcome: str | None,
    artist: str | None,
    after: int,
    limit: int | None,
    scope: str | None,
    csv_path: Path | None,
    as_json: bool,
) -> None:
    """List library rows, each with its reason and LML's last answer.

    The CSV of `--state truly-unresolved` is a worksheet for people, and that of `--state manual` has their decisions;
    `identity-assets correct --csv` reads both. --scope decides which rows are due.
    """
    if state is not None and outcome is not None:
        raise click.UsageError("--state and --outcome exclude each other: choose one")
    if csv_path is not None and as_json:
        raise click.UsageError("--csv and --json exclude each other: choose one")
    chosen = settings() if scope is None else replace(settings(), scope=Scope(scope))
    chosen.require_database_url()
    from identity_assets.backend.reports.rows import RowFilter, RowState, all_rows

    wanted = RowFilter(None if state is None else RowState(state), outcome, artist)
    most = limit
    if csv_path is None:
        # One row more than is shown tells whether there is a next page.
        most = (limit or (ROWS_IN_JSON if as_json else ROWS_ON_A_TERMINAL)) + 1
    with migrated_database(chosen, "rows", read_only=True) as database:
        found = all_rows(database, chosen, wanted, after=after, limit=most)
        if csv_path is not None:
            _write_worksheet(csv_path, found)
            return
        page = list(found)
    assert most is not None
    shown, has_more = page[: most - 1], len(page) == most
    next_after = shown[-1].library_id if has_more else None
    if as_json:
        print_json({"rows": [row.as_dict() for row in shown], "next_after": next_after})
    else:
        _print_page(shown, next_after)


def _print_page(shown: "list[ListedRow]", next_after: int | None) -> None:
    from identity_assets.terminal.rows_report import print_rows

    if shown:
        print_rows(console(), shown)
    say(
        number_of(len(shown), "library row")
        + ("" if next_after is None else f"; `--after {next_after}` shows the next")
    )


def _write_worksheet(path: Path, found: "Iterable[ListedRow]") -> None:
    from identity_assets.terminal.csv_files import csv_file
    from identity_assets.terminal.rows_report import WORKSHEET, worksheet_lines

    written = 0
    with csv_file(path, WORKSHEET) as write:
        for row in found:
            for line in worksheet_lines(row):
                write(line)
            written += 1
    say(f"{number_of(written, 'library row')} written to {path}")
