"""What happens without anybody: the nightly refresh of the partitions that have due rows, and the daily gate report.

Which rows are due is decided by the selection; here it is only counted.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from identity_assets.backend.ledger.candidates import DuePartition, due_partitions
from identity_assets.backend.reports.overview import read_overview
from identity_assets.jobs.gate_report import gate_report
from identity_assets.jobs.refresh import refresh_library_identity
from identity_assets.partition_keys import partition_key
from identity_assets.partitions import library_partitions
from identity_assets.resources import Backend
from identity_assets.settings import SettingsError, settings

STATION_TIME = "America/New_York"
GATE_REPORT_CRON = "0 8 * * *"
IN_FLIGHT = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def keys_in_flight(instance: dg.DagsterInstance) -> set[str]:
    """The partitions that a run which has not ended yet, from wherever it was launched, works on or will."""
    keys = library_partitions.get_partition_keys()
    busy: set[str] = set()
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=IN_FLIGHT)):
        first = run.tags.get("dagster/asset_partition_range_start") or run.tags.get("dagster/partition")
        last = run.tags.get("dagster/asset_partition_range_end") or first
        if first in keys and last in keys:
            busy.update(keys[keys.index(first) : keys.index(last) + 1])
    return busy


def requests_within(
    due: Sequence[DuePartition], busy: set[str], budget: int | None
) -> Iterator[dg.RunRequest]:
    """A run for each due partition that is not busy, the stalest first, asking about `budget` inputs in all.

    The last one that the budget reaches is given what is left of it; None is no limit.
    """
    left = budget
    for one in due:
        key = partition_key(one.bucket)
        if key in busy:
            continue
        if left is not None and left <= 0:
            return
        config: Mapping[str, object] = {} if left is None else {"max_inputs": min(left, one.rows)}
        left = None if left is None else left - min(left, one.rows)
        yield dg.RunRequest(
            run_key=key, partition_key=key, run_config={"ops": {"candidate_libraries": {"config": config}}}
        )


def refresh_what_is_due(
    context: dg.ScheduleEvaluationContext, backend: dg.ResourceParam[Backend]
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One tick: the runs to launch, or why there are none and when the next rows will be due."""
    if backend.settings.dry_run:
        return dg.SkipReason("DRY_RUN=true: nothing may be written. Unset it where the schedule is evaluated")
    with backend.database("schedule") as database:
        due = due_partitions(database, backend.settings)
        busy = keys_in_flight(context.instance)
        requests = list(requests_within(due, busy, backend.settings.lml_nightly_input_budget))
        if requests:
            return requests
        if due:
            return dg.SkipReason(
                f"{sum(one.rows for one in due):,} rows are due in {len(due)} partitions, and all of these are "
                "being worked on by runs that have not ended"
            )
        ahead = [day for day in read_overview(database, backend.settings).next_due if day.rows]
    coming = (
        f"the next {ahead[0].rows:,} are on {ahead[0].day:%Y-%m-%d}" if ahead else "none are within a week"
    )
    return dg.SkipReason(f"0 rows are due (scope {backend.settings.scope}); {coming}")


def nightly_refresh_at(cron: str) -> dg.ScheduleDefinition:
    """The schedule `nightly_refresh` at the given time of the station's day.

    Raises:
        SettingsError: `cron` is none that Dagster takes.
    """
    scheduled = dg.schedule(
        name="nightly_refresh",
        job=refresh_library_identity,
        cron_schedule=cron,
        execution_timezone=STATION_TIME,
        description=(
            "One run for each partition that has due rows, the stalest first, asking LML about at most "
            "LML_NIGHTLY_INPUT_BUDGET rows. Partitions that are being worked on are left to that run."
        ),
    )
    try:
        return scheduled(refresh_what_is_due)
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
