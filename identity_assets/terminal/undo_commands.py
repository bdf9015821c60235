"""The commands that go back: `replay` applies stored answers again, `unwind` takes back what was written."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from identity_assets.evidence import LARGEST_ID
from identity_assets.terminal.common import (
    confirmed,
    json_option,
    migrated_database,
    partition_option,
    settings_to_write,
)
from identity_assets.terminal.output import FAILED, console, print_json, progress_on_stderr, say, stop
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.backend.database import Database
    from identity_assets.partition_keys import Buckets


@click.command()
@partition_option
@click.option("--rejected", is_flag=True, help="Only answers that a rule or the database rejected.")
@click.option("--since", metavar="RUN_ID", help="Only answers that LML gave in this run or later.")
@json_option
def replay(partitions: Sequence[str], rejected: bool, since: str | None, as_json: bool) -> None:
    """Apply the stored answers again.

    This is for use after a rule or a column has changed. LML is not asked.
    """
    chosen = settings_to_write("replay")
    from identity_assets.backend.ledger.runs import find_run
    from identity_assets.backend.writing.replay import replay
    from identity_assets.partition_keys import buckets_of, known_keys
    from identity_assets.terminal.changes_report import print_replayed

    buckets, run_id, started_at = buckets_of(known_keys(partitions)), str(uuid4()), time.monotonic()
    with migrated_database(chosen, f"replay {run_id}") as database:
        first = None if since is None else find_run(database, since)
        stored = _stored_answers(database, buckets)
        with (
            database.partitions_locked(buckets),
            progress_on_stderr().stage(say, "replaying", stored) as advance,
        ):
            replayed = replay(
                database,
                buckets,
                chosen,
                run_id=run_id,
                only_rejected=rejected,
                since=None if first is None else first.asked_at or first.seen_at,
                advance=advance,
            )
    if not replayed.found:
        stop("there is nothing to replay: no stored answer matches these options", FAILED)
    result = {"run_id": run_id, **replayed.as_dict(), "seconds": round(time.monotonic() - started_at, 3)}
    if not as_json:
        print_replayed(console(), run_id, replayed)
    if refused := replayed.written.rows_refused:
        rows = number_of(refused, "row")
        stop(
            f"the database refused {rows}: the reasons are in the ledger (outcome writer_error), "
            "and `identity-assets explain` prints them",
            FAILED,
            result,
        )
    if as_json:
        print_json(result)


def _stored_answers(database: "Database", buckets: "Buckets") -> int:
    from identity_assets.backend.ledger.accounts import count_rows

    counts = count_rows(database, buckets)
    return sum(rows for (asset, _), rows in counts.items() if asset == "lml_verdicts")


def _known_writer(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Check the value of --notes; the list of writers is imported only if the option is given."""
    if value is None:
        return None
    from identity_assets.backend.undo.by_writer import WRITERS

    return str(click.Choice(WRITERS).convert(value, option, _context))


@click.command()
@click.option(
    "--run", "run_id", metavar="RUN_ID", help="Take back this run. The first eight characters are enough."
)
@click.option(
    "--library-id",
    "library_ids",
    type=click.IntRange(1, LARGEST_ID),
    multiple=True,
    metavar="ID",
    help="Take back the last write to this library row. Repeat the option for more rows.",
)
@click.option(
    "--notes",
    metavar="WRITER",
    callback=_known_writer,
    help="Take back every row that carries the notes of this writer, such as backfill:S1.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Take back all runs that wrote since then, such as '2026-11-21 05:00' (UTC).",
)
@click.option(
    "--backfill", "backfill_id", metavar="ID", help="Take back all runs of this backfill of Dagster."
)
@click.option(
    "--and-later",
    is_flag=True,
    help="With --run: take back what later runs made of the same library rows too.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def unwind(
    run_id: str | None,
    library_ids: Sequence[int],
    notes: str | None,
    since: str | None,
    backfill_id: str | None,
    and_later: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take back what was written.

    The command shows the plan, asks for confirmation, and does it. Several runs are one plan and one question.
    """
    from identity_assets.terminal.undo_choice import UndoChoice

    choice = UndoChoice(run_id, tuple(library_ids), notes, since, backfill_id, and_later=and_later)
    choice.require_one()
    chosen = settings_to_write("unwind")
    from identity_assets.partition_keys import all_keys, buckets_of
    from identity_assets.terminal.changes_report import print_runs, print_unwound, reasons_left_alone

    with migrated_database(chosen, "unwind") as database:
        database.require_rights()
        undo = choice.undo(database, chosen.writer_chunk_rows)
        planned = undo.plan()
        if not planned.rows:
            stop(f"there is nothing to take back{reasons_left_alone(planned)}{undo.hint}", FAILED)
        messages = console(stderr=True)
        print_runs(messages, undo.runs)
        print_unwound(messages, planned, is_plan=True)
        if undo.hint:
            say(undo.hint.removeprefix("; "))
        if not (yes or confirmed(f"Take back {number_of(planned.rows, 'library row')}?")):
            stop("not confirmed: nothing was changed (--yes skips the question)", FAILED)
        with (
            database.partitions_locked(buckets_of(all_keys())),
            progress_on_stderr().stage(say, "taking back", planned.rows) as advance,
        ):
            done = undo.apply(advance)
    if undo.run_id is not None:
        say(f"`identity-assets unwind --run {undo.run_id}` restores what this command took back")
    if as_json:
        print_json({**done.as_dict(), "run_id": undo.run_id, "runs": [run.as_dict() for run in undo.runs]})
    else:
        print_unwound(console(), done, is_plan=False)
