"""The commands that look before a run and go back after it: `dry-run`, `replay`, `unwind`.

What they do stands in backend/; what is printed of changes, in changes_report.py.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click
from rich.console import Console

from identity_assets.backend.database import Database
from identity_assets.backend.undo.by_writer import WRITERS
from identity_assets.settings import Leg, Scope, Settings, settings
from identity_assets.terminal.output import (
    FAILED,
    WRONG,
    print_json,
    progress_on_stderr,
    say,
    stop,
)

if TYPE_CHECKING:
    from identity_assets.backend.preview.changes import Change
    from identity_assets.backend.preview.dry_run import DryRun
    from identity_assets.backend.undo.by_run import Unwound
    from identity_assets.progress import Advance

partition_option = click.option(
    "--partition", "partitions", multiple=True, metavar="KEY", help="A partition such as 03; may be repeated."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


@click.command("dry-run")
@click.option(
    "--scope", type=click.Choice([str(scope) for scope in Scope]), help="Which library rows to look at."
)
@partition_option
@click.option("--changes", is_flag=True, help="Also what would change, row by row, as a table.")
@click.option("--json", "as_json", is_flag=True, help="With --changes: print them in the one JSON object.")
@click.option(
    "--leg",
    type=click.Choice([str(leg) for leg in Leg]),
    help="What gathering and writing this leg would come to.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --changes: write them here.",
)
def dry_run(
    scope: str | None,
    partitions: Sequence[str],
    changes: bool,
    as_json: bool,
    leg: str | None,
    csv_file: Path | None,
) -> None:
    """Ask LML what a run would ask, write nothing, and print what the run would come to."""
    if leg is not None:
        if changes or csv_file is not None or scope is not None:
            raise click.UsageError("--leg asks nobody, whatever the scope: it goes with --partition alone")
        print_json(_foresee_leg(Leg(leg), partitions))
        return
    if csv_file is not None and not changes:
        raise click.UsageError("--csv is for --changes: what is to be written there?")
    if csv_file is not None and as_json:
        raise click.UsageError("--csv and --json are two places for the same rows: choose one")
    chosen = settings() if scope is None else replace(settings(), scope=Scope(scope))
    chosen.require_database_url()
    chosen.require_library_metadata_url()
    from identity_assets.partition_keys import known_keys

    keys = known_keys(partitions)
    if not changes:
        show_dry_run(chosen, keys)
    elif csv_file is not None:
        _changes_to_csv(chosen, keys, csv_file)
    elif as_json:
        rows: list[Change] = []
        foreseen = _foresee(chosen, keys, rows.append)
        shown = {**foreseen.changes, "rows": [one.as_dict() for one in rows]}
        print_json({**foreseen.as_dict(), "changes": shown})
        _stop_if_not_asked(foreseen)
    else:
        from identity_assets.terminal.changes_report import ChangesSample, print_changes

        sample = ChangesSample()
        foreseen = _foresee(chosen, keys, sample.take)
        print_changes(Console(), foreseen, sample)
        _stop_if_not_asked(foreseen)


def show_dry_run(chosen: Settings, keys: Sequence[str]) -> None:
    """Print the one JSON object of a dry run of these partitions."""
    foreseen = _foresee(chosen, keys, lambda _change: None)
    print_json(foreseen.as_dict())
    _stop_if_not_asked(foreseen)


def _changes_to_csv(chosen: Settings, keys: Sequence[str], csv_file: Path) -> None:
    from identity_assets.terminal.changes_report import changes_as_csv

    try:
        with csv_file.open("w", encoding="utf-8", newline="") as stream:
            foreseen = _foresee(chosen, keys, changes_as_csv(stream))
    except OSError as error:
        stop(f"{csv_file} cannot be written: {error.strerror}", WRONG)
    print_json(foreseen.as_dict())
    _stop_if_not_asked(foreseen)


def _foresee_leg(leg: Leg, partitions: Sequence[str]) -> dict[str, object]:
    settings().require_database_url()
    if leg is Leg.S3:
        settings().require_database_url_discogs()
    from identity_assets.gathering import dry_run_leg
    from identity_assets.partition_keys import buckets_of, known_keys

    buckets = buckets_of(known_keys(partitions))
    with _database(settings(), f"dry run of {leg}", read_only=True) as database:
        return dry_run_leg(database, settings(), leg, buckets)


def _stop_if_not_asked(foreseen: "DryRun") -> None:
    if foreseen.failure is not None:
        stop(foreseen.failure, FAILED)


def _foresee(chosen: Settings, keys: Sequence[str], on_change: "Callable[[Change], None]") -> "DryRun":
    from identity_assets.backend.preview.dry_run import dry_run
    from identity_assets.lml.client import client_of
    from identity_assets.partition_keys import buckets_of

    buckets, scope = buckets_of(keys), chosen.scope
    with _database(chosen, "dry run", read_only=True) as database, client_of(chosen) as client:
        stage = partial(progress_on_stderr().stage, say, "asking LML")
        return dry_run(database, client, buckets, chosen, scope, stage=stage, on_change=on_change)


@click.command()
@partition_option
@click.option(
    "--rejected", is_flag=True, help="Only answers that were set aside, by a rule or by the database."
)
@click.option("--since", metavar="RUN_ID", help="Only answers that came with this run or after it.")
@json_option
def replay(partitions: Sequence[str], rejected: bool, since: str | None, as_json: bool) -> None:
    """Apply the stored answers again, without a call to LML: after a rule or a column has changed."""
    chosen = _to_write("replay")
    from identity_assets.backend.ledger.accounts import count_rows
    from identity_assets.backend.ledger.runs import find_run
    from identity_assets.backend.writing.replay import replay
    from identity_assets.partition_keys import buckets_of, known_keys
    from identity_assets.terminal.changes_report import print_replayed

    buckets, run_id, began = buckets_of(known_keys(partitions)), str(uuid4()), time.monotonic()
    with _database(chosen, f"replay {run_id}") as database:
        first = None if since is None else find_run(database, since)
        stored = sum(
            rows for (asset, _), rows in count_rows(database, buckets).items() if asset == "lml_verdicts"
        )
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
        stop("there is nothing to replay: no stored answer fits what was asked for", FAILED)
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        print_json({"run_id": run_id, **replayed.as_dict(), "seconds": seconds})
    else:
        print_replayed(Console(), run_id, replayed)
    if replayed.written.rows_refused:
        stop(
            f"the database refused {replayed.written.rows_refused} rows: the ledger says why "
            "(outcome writer_error), and so does `identity-assets explain`",
            FAILED,
        )


@click.command()
@click.option(
    "--run", "run_id", metavar="RUN_ID", help="What this run wrote; its first eight characters will do."
)
@click.option(
    "--library-id",
    "library_ids",
    type=int,
    multiple=True,
    metavar="ID",
    help="What was last written of this row.",
)
@click.option("--notes", type=click.Choice(WRITERS), help="All that this writer has left its notes on.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def unwind(
    run_id: str | None, library_ids: Sequence[int], notes: str | None, yes: bool, as_json: bool
) -> None:
    """Take back what was written: show what that would do, ask, and do it."""
    if [run_id is not None, bool(library_ids), notes is not None].count(True) != 1:
        raise click.UsageError("say what to take back: --run RUN_ID, --library-id ID or --notes WRITER")
    chosen = _to_write("unwind")
    from identity_assets.partition_keys import all_keys, buckets_of
    from identity_assets.terminal.changes_report import print_unwound, why_left_alone

    with _database(chosen, "unwind") as database:
        plan_it, do_it = _taking_back(database, chosen.writer_chunk_rows, run_id, library_ids, notes)
        plan = plan_it()
        if not plan.rows:
            stop(f"there is nothing to take back{why_left_alone(plan)}", FAILED)
        print_unwound(Console(stderr=True), plan, planned=True)
        if not (yes or _confirmed(f"Take back {plan.rows:,} library rows?")):
            stop("not confirmed, and nothing was changed (--yes: do not ask)", FAILED)
        with (
            database.partitions_locked(buckets_of(all_keys())),
            progress_on_stderr().stage(say, "taking back", plan.rows) as advance,
        ):
            done = do_it(advance)
    if as_json:
        print_json(done.as_dict())
    else:
        print_unwound(Console(), done, planned=False)


def _taking_back(
    database: Database, chunk_rows: int, run_id: str | None, library_ids: Sequence[int], notes: str | None
) -> "tuple[Callable[[], Unwound], Callable[[Advance], Unwound]]":
    """What plans it, and what does it."""
    from identity_assets.backend.ledger.runs import find_run
    from identity_assets.backend.undo.by_run import Writes, last_writes, plan_unwind, unwind
    from identity_assets.backend.undo.by_writer import plan_unwind_notes, unwind_notes

    if notes is not None:
        own = str(uuid4())

        def do_notes(advance: "Advance") -> "Unwound":
            done = unwind_notes(database, notes, chunk_rows, run_id=own, advance=advance)
            say(f"`identity-assets unwind --run {own}` puts it back")
            return done

        return lambda: plan_unwind_notes(database, notes, chunk_rows), do_notes
    if run_id is not None:
        writes = Writes({find_run(database, run_id).run_id: None})
    else:
        writes = last_writes(database, library_ids)
    return (
        lambda: plan_unwind(database, writes, chunk_rows),
        lambda advance: unwind(database, writes, chunk_rows, advance=advance),
    )


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # Ctrl-C, or nobody there to answer.
        return False


def _to_write(command: str) -> Settings:
    """The settings, for a command that writes."""
    chosen = settings()
    if chosen.dry_run:
        stop(f"DRY_RUN=true, and {command} writes: unset it, or look with `identity-assets dry-run`", WRONG)
    chosen.require_database_url()
    return chosen


@contextmanager
def _database(chosen: Settings, label: str, *, read_only: bool = False) -> Iterator[Database]:
    from identity_assets.backend.migrate import require_migrated

    with Database(chosen, label, read_only=read_only) as database:
        require_migrated(database)
        yield database
