"""The commands that work on Backend's database: `migrate` and `run`."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from identity_assets.ask_again import ask_again_of
from identity_assets.settings import Leg, LogFormat, Scope, Settings, settings
from identity_assets.terminal.common import (
    ask_again_options,
    confirmed,
    json_option,
    loading,
    migrated_database,
    partition_option,
    scope_option,
)
from identity_assets.terminal.output import (
    FAILED,
    RED,
    console,
    print_json,
    progress_on_stderr,
    say,
    say_error,
    send_messages_to_log,
    stop,
)
from identity_assets.terminal.preview_commands import print_dry_run

if TYPE_CHECKING:
    from identity_assets.terminal.run_pass import PassReport


DOWN_QUESTION = (
    "Remove all tables of this project, with LML's stored answers, people's decisions and the journal that `unwind` "
    "needs? The identities in Backend's own tables stay."
)


@click.command()
@click.option("--down", is_flag=True, help="Remove this project's tables and everything in them.")
@click.option("--yes", is_flag=True, help="With --down: do not ask for confirmation.")
def migrate(down: bool, yes: bool) -> None:
    """Create or update this project's own tables.

    They stand in the Backend database that DATABASE_URL names.
    """
    from identity_assets.backend.database import Database
    from identity_assets.backend.migrate import migrate as run_migrations
    from identity_assets.backend.migrate import take_down

    if down and not (yes or confirmed(DOWN_QUESTION)):
        stop("not confirmed: nothing was changed (--yes skips the question)", FAILED)
    with Database(settings(), "migrate") as database:
        before, after = take_down(database) if down else run_migrations(database)
    say(
        f"already at revision {after or 'none'}; its functions and views were made again"
        if before == after
        else f"migrated from revision {before or 'none'} to {after or 'none'}"
    )


@click.command()
@scope_option
@partition_option
@ask_again_options
@json_option
def run(
    scope: str | None,
    partitions: Sequence[str],
    ask_again: str | None,
    library_ids: tuple[int, ...],
    asked_before: str | None,
    as_json: bool,
) -> None:
    """Run the whole graph once in this process.

    The run selects the library rows that are due, asks LML about them, and writes its answers. Exit code 0: done,
    1: a step failed, 3: done, but a check failed with an error.
    """
    again = ask_again_of(ask_again, library_ids, asked_before)
    chosen = settings() if scope is None else replace(settings(), scope=Scope(scope))
    chosen.require_database_url()
    chosen.require_library_metadata_url()
    if Leg.S3 in chosen.identity_legs:
        chosen.require_database_url_discogs()
    from identity_assets.partition_keys import known_keys

    keys = known_keys(partitions)
    # What is wrong with the call or with the database is one plain line, as in every command. Then the log begins.
    _require_ready(chosen, library_ids)
    if chosen.dry_run:
        _start_log()
        say("DRY_RUN=true: nothing is written; the figures are those of `identity-assets dry-run`")
        print_dry_run(chosen, keys, again)
        return
    from identity_assets.terminal.pass_report import print_pass
    from identity_assets.terminal.run_pass import dagster_instance, run_pass

    with dagster_instance() as instance:
        log_format = _start_log()
        if instance.is_ephemeral:
            say("DAGSTER_HOME is not set: Dagster forgets this run when it ends, and no Dagster UI shows it")
        report = run_pass(
            chosen,
            instance,
            keys,
            progress_on_stderr(),
            log_level="INFO" if log_format is LogFormat.json else "CRITICAL",
            ask_again=again,
        )
    if not as_json:
        print_pass(console(), "run", report)
    if not_asked := report.accounts.skipped.get("not_asked"):
        say(
            f"LML_RUN_SECONDS was over before LML was asked about {not_asked:,} library rows: they stay due, and the "
            "next run goes on with them"
        )
    for run_id in report.run_ids_written:
        say(f"`identity-assets unwind --run {run_id}` takes back what this run wrote")
    stop_if_failed(report)
    stop_if_red(report)
    if as_json:
        print_json(report.as_dict())


def _require_ready(chosen: Settings, library_ids: Sequence[int]) -> None:
    """Look whether the run can begin.

    Raises:
        DatabaseError: the database cannot be used as it is.
        UnknownLibraryRowError: one of `library_ids` is no library row.
    """
    if not chosen.dry_run:
        with loading():
            from identity_assets.terminal.run_pass import require_ready

        require_ready(chosen)
    if chosen.dry_run or library_ids:
        from identity_assets.backend.ledger.library_rows import require_library_rows

        with migrated_database(chosen, "run", read_only=True) as database:
            require_library_rows(database, library_ids)


def _start_log() -> LogFormat:
    """Start the log on stderr. If it is JSON lines, the command's messages become lines of it too."""
    from identity_assets.telemetry.logs import form_for, start_logs

    log_format = form_for(settings().log_format)
    start_logs(log_format)
    if log_format is LogFormat.json:
        send_messages_to_log()
    else:
        # A person reads one line at the end; a call that failed and was made again is not news.
        logging.getLogger("identity_assets.lml").setLevel(logging.ERROR)
    return log_format


def stop_if_failed(report: "PassReport") -> None:
    """End the command with one line for each step that failed, if there is one."""
    *others, last = report.failures or ("",)
    for failure in others:
        say_error(failure)
    if last:
        stop(last, FAILED, {**report.as_dict(), "errors": list(report.failures)})


def stop_if_red(report: "PassReport") -> None:
    """End the command with one line for each check that is red, if there is one."""
    *others, last = (check.line for check in report.red_checks) if report.red_checks else ("",)
    for line in others:
        say_error(line)
    if last:
        stop(last, RED, report.as_dict())
