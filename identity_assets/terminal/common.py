"""What several commands share: options, Backend's database after the check of its revision, the last question."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from identity_assets.ask_again import Answers
from identity_assets.evidence import LARGEST_ID
from identity_assets.settings import Scope, Settings, settings
from identity_assets.terminal.output import WRONG, say, stop

if TYPE_CHECKING:
    from identity_assets.backend.database import Database


partition_option = click.option(
    "--partition",
    "partitions",
    multiple=True,
    metavar="KEY",
    help="A partition, such as 03. Repeat the option for more partitions. Default: all.",
)
scope_option = click.option(
    "--scope",
    type=click.Choice([str(scope) for scope in Scope]),
    help="The library rows to consider. Default: INCLUDE_NULL_CANONICAL decides.",
)
csv_option = click.option(
    "--csv",
    "csv_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the rows to this CSV file.",
)
_ask_again_options = (
    click.option(
        "--ask-again",
        "ask_again",
        type=click.Choice([str(answers) for answers in Answers]),
        help="Ask LML again now about the rows whose last answer is this, whatever the windows say. Due rows wait.",
    ),
    click.option(
        "--library-id",
        "library_ids",
        type=click.IntRange(1, LARGEST_ID),
        multiple=True,
        metavar="ID",
        help="With --ask-again: only this library row, in whichever scope. Repeat the option for more rows.",
    ),
    click.option(
        "--asked-before",
        metavar="DATE",
        help="With --ask-again: only rows that were last asked before this day, such as 2026-11-21 (UTC).",
    ),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


Command = TypeVar("Command", bound=Callable[..., None])


def ask_again_options(command: Command) -> Command:
    """The options `ask_again`, `library_ids` and `asked_before`, which ask_again.ask_again_of understands."""
    for option in reversed(_ask_again_options):
        command = option(command)
    return command


@contextmanager
def loading() -> Iterator[None]:
    """Import large modules in this block. Python searches none of what they make for garbage, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def migrated_database(settings: Settings, label: str, *, read_only: bool = False) -> Iterator["Database"]:
    """Backend's database, open until the block ends; `label` names the connection in PostgreSQL.

    Raises:
        SettingsError: no database is set.
        DatabaseError: the database cannot be reached, or `migrate` has to run first.
    """
    from identity_assets.backend.database import Database
    from identity_assets.backend.revision import require_migrated

    with Database(settings, label, read_only=read_only) as database:
        require_migrated(database)
        yield database


def settings_to_write(command: str) -> Settings:
    """The settings for a command that writes; DRY_RUN=true stops it."""
    chosen = settings()
    if chosen.dry_run:
        stop(f"DRY_RUN=true, but {command} writes: unset it, or use `identity-assets dry-run`", WRONG)
    chosen.require_database_url()
    return chosen


def confirmed(question: str) -> bool:
    """Ask the person on the terminal; no answer is no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # Ctrl-C, or stdin is at its end: the question's line is still open.
        say("")
        return False
