"""One pass from the command line: Dagster runs of the graph in this process, and their report.

How the report is printed is in pass_report.py; exit codes are in run_commands.py.
"""

import getpass
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import dagster as dg
from sqlalchemy.exc import DBAPIError

from identity_assets.ask_again import AskAgain
from identity_assets.backend.ledger.accounts import Accounts, read_accounts
from identity_assets.backend.ledger.runs import runs_that_wrote
from identity_assets.backend.revision import require_migrated
from identity_assets.checks.evaluation import PARTITIONS
from identity_assets.clean_text import one_line
from identity_assets.definitions import build_defs
from identity_assets.errors import OperatorError
from identity_assets.figures import totals_of_step
from identity_assets.jobs.refresh import RUN_CHECKS
from identity_assets.partition_keys import buckets_of, contiguous_ranges, range_tags
from identity_assets.postgres import first_line
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend, make_resources
from identity_assets.settings import Leg, Settings, SettingsError
from identity_assets.telemetry.dagster_internals import (
    SerializableErrorInfo,
    execute_as_location,
    hold_storage_connections,
    short_lived_instance,
    store_events_in_batches,
)
from identity_assets.telemetry.failures import failure_reported
from identity_assets.telemetry.start import start_failure_reports, start_telemetry

JOB = "refresh_library_identity"
GATE_JOB = "gate_report"
LAUNCHED_BY = "launched_by"
NOT_COUNTS = frozenset(
    {"scope", "accounts", "failures", "run_ids", "run_ids_written", "evidence", "red_checks"}
)
"""The fields of a report that are not among the counts of `run --json`."""


@dataclass(frozen=True)
class RedCheck:
    """A check that failed with the severity ERROR, and why in one line."""

    check: str
    asset: str
    reason: str

    @property
    def line(self) -> str:
        """The check and the reason."""
        return f"the check {self.check} is red: {self.reason}"


@dataclass(frozen=True)
class PassReport:
    """The result of a pass: accounts in library rows, writes in rows of their tables, LML's time in ms.

    `run_ids` has one Dagster run for each range of partitions; `run_ids_written` are those that wrote something.
    `evidence` maps each leg that was gathered to the rows of evidence that were removed and that are kept.
    `red_checks` are the checks of these runs that failed with the severity ERROR.
    """

    scope: str
    accounts: Accounts = field(default_factory=Accounts)
    source_rows_written: int = 0
    source_rows_skipped_null_confidence: int = 0
    history_rows_written: int = 0
    track_rows_written: int = 0
    track_rows_unchanged: int = 0
    track_rows_librarian: int = 0
    track_rows_no_credit: int = 0
    track_rows_no_catalogue_artist: int = 0
    track_rows_ambiguous_artist: int = 0
    track_rows_unresolved: int = 0
    track_rows_invalid: int = 0
    track_links_removed: int = 0
    positions_written: int = 0
    positions_ambiguous: int = 0
    track_source_rows_written: int = 0
    track_source_rows_removed: int = 0
    lml_total_calls: int = 0
    lml_total_latency_ms: int = 0
    seconds: float = 0.0
    failures: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    run_ids_written: tuple[str, ...] = ()
    evidence: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    red_checks: tuple[RedCheck, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The object of `run --json`."""
        counts = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in NOT_COUNTS}
        run_id = self.run_ids[0] if len(self.run_ids) == 1 else None
        return {
            "scope": self.scope,
            **self.accounts.as_dict(),
            **counts,
            "run_id": run_id,
            "run_ids": list(self.run_ids),
            "red_checks": [asdict(one) for one in self.red_checks],
        }


class InstanceError(OperatorError):
    """Dagster's own database cannot be reached."""


def persistent_instance() -> dg.DagsterInstance:
    """The Dagster instance in DAGSTER_HOME.

    Raises:
        SettingsError: DAGSTER_HOME holds no valid instance.
        InstanceError: the database of the instance cannot be reached.
    """
    root = logging.getLogger()
    # Dagster tries a database that does not answer five times, and logs each time. The error says it once.
    root.addHandler(silent := logging.NullHandler())
    try:
        return dg.DagsterInstance.get()
    except Exception as error:
        # Dagster, its storages and their drivers raise errors of many kinds here.
        cause = error.__cause__ or error
        if isinstance(cause, DBAPIError):
            raise InstanceError(
                f"Dagster's database, which DAGSTER_HOME names, cannot be used: {first_line(cause)}"
            ) from error
        raise SettingsError(f"DAGSTER_HOME is not valid: {first_line(cause)}") from error
    finally:
        root.removeHandler(silent)


def launched_by() -> str:
    """Who launched this run: the login name, and that it was the command line."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a user id that has no name.
        name = f"user {os.getuid()}"
    return f"{name}, command line"


def write_station_report(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Run the job that reads the gate and materialises `station_report`, as the code location's daily job does."""
    definitions = build_defs(resources=make_resources(settings), legs=settings.identity_legs)
    hold_storage_connections(instance)
    execute_as_location(
        definitions.resolve_job_def(GATE_JOB),
        instance,
        settings.code_location_name,
        tags={LAUNCHED_BY: launched_by()},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def dagster_instance() -> dg.DagsterInstance:
    """The instance for a run: that in DAGSTER_HOME, or a temporary one if DAGSTER_HOME is not set.

    Raises:
        SettingsError, InstanceError: as in `persistent_instance`.
    """
    with failure_reported():
        return persistent_instance() if os.environ.get("DAGSTER_HOME") else short_lived_instance()


def require_ready(settings: Settings) -> None:
    """Look whether a run can begin. If it cannot, Sentry gets one event, as for a run that fails.

    Raises:
        DatabaseError: the database cannot be reached or is not migrated, or the role lacks a right.
    """
    start_failure_reports(settings)
    with failure_reported(), Backend(settings).database("check") as database:
        require_migrated(database)
        database.require_rights()


def run_pass(
    settings: Settings,
    instance: dg.DagsterInstance,
    partition_keys: Sequence[str],
    progress: ProgressReporter,
    *,
    log_level: str = "CRITICAL",
    ask_again: AskAgain | None = None,
) -> PassReport:
    """Run the graph on these partitions, one Dagster run for each contiguous range. A failed range does not stop it.

    `ask_again`: the rows that it names are asked again, instead of the due ones.

    Dagster's log records below `log_level` are dropped. By default all are, because the report names the failures.
    The caller has called `require_ready`, or knows that the database is as a run needs it.

    Raises:
        DatabaseError: the database went away after the last step.
        KeyboardInterrupt: the run was interrupted.
    """
    start_telemetry(settings)
    store_events_in_batches()
    with failure_reported():
        return _run_pass(settings, instance, partition_keys, progress, log_level, ask_again)


def _run_pass(
    settings: Settings,
    instance: dg.DagsterInstance,
    partition_keys: Sequence[str],
    progress: ProgressReporter,
    log_level: str,
    ask_again: AskAgain | None,
) -> PassReport:
    backend = Backend(settings)
    definitions = build_defs(resources=make_resources(settings, progress), legs=settings.identity_legs)
    job = definitions.resolve_job_def(JOB)
    hold_storage_connections(instance)
    started_at = time.monotonic()
    totals: dict[str, int] = {}
    failures: list[str] = []
    run_ids: list[str] = []
    accounts = Accounts()
    red: dict[tuple[str, str], RedCheck | None] = {}
    ranges = contiguous_ranges(partition_keys)
    for keys in ranges:
        result = execute_as_location(
            job if keys == ranges[-1] else _with_checks_of_run_only(job),
            instance,
            settings.code_location_name,
            tags={**range_tags(keys), LAUNCHED_BY: launched_by()},
            run_config={
                "ops": {"candidate_libraries": {"config": _selection_config(settings, ask_again)}},
                "loggers": {"console": {"config": {"log_level": log_level}}},
            },
        )
        run_ids.append(result.run_id)
        for name, count in _totals_of(result.all_events).items():
            totals[name] = totals.get(name, 0) + count
        failures += _failures_of(result.all_events)
        red |= _red_checks_of(result.all_events)
        if not result.success and not failures:
            failures.append(f"the run {result.run_id} failed outside its steps: the Dagster UI shows why")
        with backend.database("report") as database:
            accounts += sum(read_accounts(database, buckets_of(keys), result.run_id).values(), Accounts())
    with backend.database("report") as database:
        written = runs_that_wrote(database, run_ids)
    return PassReport(
        scope=str(settings.scope),
        accounts=accounts,
        **{one.name: totals[one.name] for one in fields(PassReport) if one.name in totals},
        seconds=round(time.monotonic() - started_at, 3),
        failures=tuple(failures),
        run_ids=tuple(run_ids),
        run_ids_written=written,
        evidence=_evidence_of(totals),
        red_checks=tuple(one for one in red.values() if one is not None),
    )


def _with_checks_of_run_only(job: dg.JobDefinition) -> dg.JobDefinition:
    """The job for all runs of a pass but the last one, which alone evaluates the checks of the whole library."""
    return job.get_subset(
        asset_selection=set(job.asset_layer.selected_asset_keys), asset_check_selection=set(RUN_CHECKS)
    )


def _selection_config(settings: Settings, ask_again: AskAgain | None) -> dict[str, Any]:
    config: dict[str, Any] = {"scope": settings.scope.name}
    if ask_again is not None:
        before = ask_again.asked_before
        config |= {
            "ask_again": ask_again.answers.name,
            "library_ids": list(ask_again.library_ids),
            **({} if before is None else {"asked_before": before.isoformat()}),
        }
    return config


def _totals_of(events: Sequence[dg.DagsterEvent]) -> dict[str, int]:
    """The totals of the run. Each asset reports its own once, in the metadata `run_totals`, also if it fails."""
    found: dict[str, Mapping[str, int | float]] = {}
    for event in events:
        if (totals := totals_of_step(event)) and event.step_key is not None:
            found[event.step_key] = totals
    flat = {name: total for totals in found.values() for name, total in totals.items()}
    return {name: int(total) for name, total in flat.items() if name != "seconds"}


def _evidence_of(totals: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """By leg, the rows of evidence removed and kept. A total that is zero is left out of the metadata."""
    removed, kept = (
        {leg: totals.get(f"{leg}_evidence_{done}", 0) for leg in Leg} for done in ("removed", "kept")
    )
    return {str(leg): (removed[leg], kept[leg]) for leg in Leg if removed[leg] or kept[leg]}


def _red_checks_of(events: Sequence[dg.DagsterEvent]) -> dict[tuple[str, str], RedCheck | None]:
    """Each check that was evaluated, and the partitions that it read: why it is red, or None if it is not.

    A blocking check is left out: it fails its step, which is a failure of the run.
    """
    found: dict[tuple[str, str], RedCheck | None] = {}
    for event in events:
        if event.event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        evaluation = event.asset_check_evaluation_data
        if evaluation.blocking:
            continue
        partitions = evaluation.metadata.get(PARTITIONS)
        is_red = not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR
        found[evaluation.check_name, str(partitions.value if partitions else "")] = (
            RedCheck(
                evaluation.check_name,
                evaluation.asset_key.to_user_string(),
                one_line((evaluation.description or "").split("\n")[0]),
            )
            if is_red
            else None
        )
    return found


def _failures_of(events: Sequence[dg.DagsterEvent]) -> list[str]:
    """One line for each step that failed: its name and the message of its own error.

    Raises:
        KeyboardInterrupt: the run was interrupted, which Dagster records but does not raise.
    """
    lines = []
    for event in events:
        # Between two steps, Dagster records an interrupt as a failure of the run.
        if (
            event.event_type in {dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_FAILURE}
            and event.message is not None
            and "Execution was interrupted" in event.message
        ):
            raise KeyboardInterrupt
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        if data.error_source is not None and data.error_source.name == "INTERRUPT":
            raise KeyboardInterrupt
        lines.append(failure_line(event))
    return lines


def failure_line(event: dg.DagsterEvent) -> str:
    """The name of a step that failed and the message of its own error, on one line."""
    data = event.step_failure_data
    if data.user_failure_data is not None:
        message = data.user_failure_data.description or ""
    else:
        message = _error_message(data.error)
    return f"{event.step_key}: {' '.join(message.split())}"


def _error_message(error: SerializableErrorInfo | None) -> str:
    """The message of the step's own exception, without Dagster's wrapper and without the exception's name."""
    if error is None:
        return "failed without an error message"
    own = error.cause or error
    return re.sub(r"^identity_assets\.[\w.]+: ", "", own.message)
