"""The schedules: the nightly refresh of the partitions that have due rows, and the daily gate report.

The selection decides which rows are due. The schedule only counts them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.jobs.gate_report import gate_report
from identity_assets.jobs.refresh import NAME as REFRESH_LIBRARY_IDENTITY
from identity_assets.partition_keys import partition_key
from identity_assets.partitions import partitions_in
from identity_assets.resources import Backend
from identity_assets.settings import SettingsError, settings

if TYPE_CHECKING:
    from identity_assets.backend.ledger.candidates import DuePartition

STATION_TIME = "America/New_York"
GATE_REPORT_CRON = "0 8 * * *"
NOT_ENDED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def busy_partitions(instance: dg.DagsterInstance) -> set[str]:
    """The partitions of all runs that have not ended, however they were launched."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=NOT_ENDED))
    return {key for run in runs for key in partitions_in(run.tags)}


def requests_within_budget(
    due: "Sequence[DuePartition]", busy: set[str], budget: int | None
) -> Iterator[dg.RunRequest]:
    """A run for each due partition that is not busy, in the given order, about at most `budget` inputs in all.

    The last run gets the rest of the budget. None means no limit.
    """
    left = budget
    for partition in due:
        key = partition_key(partition.bucket)
        if key in busy:
            continue
        if left is not None and left <= 0:
            return
        config: Mapping[str, object] = {}
        if left is not None:
            inputs = min(left, partition.rows)
            left -= inputs
            config = {"max_inputs": inputs}
        yield dg.RunRequest(
            run_key=key, partition_key=key, run_config={"ops": {"candidate_libraries": {"config": config}}}
        )


def refresh_due_partitions(
    context: dg.ScheduleEvaluationContext, backend: dg.ResourceParam[Backend]
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One tick: the runs to launch, or the reason why there are none and when the next rows become due."""
    from identity_assets.backend.ledger.candidates import due_partitions
    from identity_assets.backend.reports.overview import read_overview

    if backend.settings.dry_run:
        return dg.SkipReason("DRY_RUN=true: nothing may be written. Unset it where the schedule is evaluated")
    with backend.database("schedule") as database:
        due = due_partitions(database, backend.settings)
        busy = busy_partitions(context.instance)
        requests = list(requests_within_budget(due, busy, backend.settings.lml_nightly_input_budget))
        if requests:
            return requests
        if due:
            return dg.SkipReason(
                f"{sum(partition.rows for partition in due):,} rows are due in {len(due)} partitions. Runs that have "
                "not ended already work on all of them"
            )
        days_with_rows = [day for day in read_overview(database, backend.settings).next_due if day.rows]
    next_due = (
        f"the next {days_with_rows[0].rows:,} are due on {days_with_rows[0].day:%Y-%m-%d}"
        if days_with_rows
        else "none become due within a week"
    )
    return dg.SkipReason(f"0 rows are due (scope {backend.settings.scope}); {next_due}")


def nightly_refresh_at(cron: str) -> dg.ScheduleDefinition:
    """The schedule `nightly_refresh` at `cron`, in the station's time zone.

    Raises:
        SettingsError: Dagster does not accept `cron`.
    """
    schedule = dg.schedule(
        name="nightly_refresh",
        job_name=REFRESH_LIBRARY_IDENTITY,
        cron_schedule=cron,
        execution_timezone=STATION_TIME,
        description=(
            "One run for each partition that has due rows, the most overdue first. The runs ask LML about at most "
            "LML_NIGHTLY_INPUT_BUDGET rows. Partitions of runs that have not ended are skipped."
        ),
    )
    try:
        return schedule(refresh_due_partitions)
    except dg.DagsterInvalidDefinitionError as error:
        raise SettingsError(f"REFRESH_CRON={cron!r} is not valid: it takes a cron expression") from error


nightly_refresh = nightly_refresh_at(settings().refresh_cron)

daily_gate_report = dg.ScheduleDefinition(
    name="daily_gate_report",
    job=gate_report,
    cron_schedule=GATE_REPORT_CRON,
    execution_timezone=STATION_TIME,
    description="Read the gate every morning after the nightly refresh, so that the UI plots it day by day.",
)
