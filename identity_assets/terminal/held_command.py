"""The command `held`: a person lists, accepts or drops the answers that the guard held back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from identity_assets.settings import settings
from identity_assets.terminal.common import (
    confirmed,
    json_option,
    migrated_database,
    settings_to_write,
)
from identity_assets.terminal.output import FAILED, console, print_json, say, stop
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.backend.ledger.held import HeldRun


@click.command()
@click.option("--accept", is_flag=True, help="The next run writes these answers, without asking LML.")
@click.option("--drop", is_flag=True, help="The answers are void: the next run asks LML anew.")
@click.option(
    "--run",
    "run_id",
    metavar="RUN_ID",
    help="Only the answers of this run. The first eight characters are enough.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def held(accept: bool, drop: bool, run_id: str | None, yes: bool, as_json: bool) -> None:
    """List, accept or drop answers of LML that are held back.

    The check answers_plausible holds back the answers of a pass that cannot be true. They stay held until a person
    decides with this command.
    """
    if accept and drop:
        raise click.UsageError("choose one of --accept and --drop")
    from identity_assets.backend.ledger.held import decide, read_held

    acts = accept or drop
    chosen = settings_to_write("held") if acts else settings()
    with migrated_database(chosen, "held", read_only=not acts) as database:
        runs = read_held(database, run_id)
        answers = sum(one.answers for one in runs)
        if acts and not runs:
            stop("no answers are held: there is nothing to decide", FAILED)
        if not as_json or acts:
            _print_runs(console(stderr=acts), runs)
        if acts and not (
            yes or confirmed(f"{'Accept' if accept else 'Drop'} {number_of(answers, 'held answer')}?")
        ):
            stop("not confirmed: nothing was changed (--yes skips the question)", FAILED)
        decided = decide(database, runs, accept=accept) if acts else 0
    if acts:
        next_run = "writes them without asking LML" if accept else "asks LML anew about their library rows"
        say(f"{number_of(decided, 'answer')} {'accepted' if accept else 'dropped'}: the next run {next_run}")
    if as_json:
        print_json(
            {
                "runs": [one.as_dict() for one in runs],
                "answers": answers,
                "accepted": decided if accept else 0,
                "dropped": decided if drop else 0,
            }
        )


def _print_runs(console: Console, runs: Sequence["HeldRun"]) -> None:
    if not runs:
        console.print("no answers are held")
        return
    from identity_assets.terminal.sentences import format_time

    table = Table(title="Answers that are held back")
    table.add_column("run", no_wrap=True)
    table.add_column("held since", no_wrap=True)
    for name in ("answers", "one artist", "unresolved", "compilation"):
        table.add_column(name, justify="right")
    for one in runs:
        counts = (one.answers, one.single_artist, one.unresolved, one.compilation)
        table.add_row(one.run_id, format_time(one.held_at), *(f"{count:,}" for count in counts))
    console.print(table)
