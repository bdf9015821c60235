"""The schedules: the evidence of the legs, the refresh of partitions with work, the gate report, the clean-up.

The selection decides which rows are due, and the writer which evidence it writes. A schedule only counts them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.assets.canonical_entity_evidence import canonical_entity_evidence
from identity_assets.assets.flowsheet_match_evidence import flowsheet_match_evidence
from identity_assets.assets.library_identity import SPECS
from identity_assets.jobs.event_log_retention import event_log_retention
from identity_assets.jobs.gate_report import gate_report
from identity_assets.jobs.refresh import RUN_CHECKS, refresh_library_identity
from identity_assets.jobs.refresh_evidence import refresh_evidence
from identity_assets.partition_keys import contiguous_ranges, partition_key, partitions_of_run, range_tags
from identity_assets.partitions import library_partitions
from identity_assets.resources import Backend
from identity_assets.settings import SettingsError, settings
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.backend.ledger.candidates import DuePartition

STATION_TIME = "America/New_York"
GATE_REPORT_CRON = "0 8 * * *"
RETENTION_CRON = "0 10 * * 0"
DRY_RUN = "DRY_RUN=true: nothing may be written. Unset it where the schedule is evaluated"
# The assets of a pass without the evidence of the legs.
PASS_ASSETS = [dg.AssetKey("candidate_libraries"), dg.AssetKey("lml_verdicts"), *(spec.key for spec in SPECS)]
ALL_ASSETS = [*PASS_ASSETS, canonical_entity_evidence.key, flowsheet_match_evidence.key]
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
    return {key for run in runs for key in partitions_of_run(run.tags)}


def requests_within_budget(
    due: "Sequence[DuePartition]",
    busy: set[str],
    budget: int | None,
    pending: Collection[int] = (),
    assets: Sequence[dg.AssetKey] = ALL_ASSETS,
) -> Iterator[dg.RunRequest]:
    """A run for each due partition that is not busy, in the given order, about at most `budget` inputs in all.

    The last run gets the rest of the budget; None means no limit. Then a run for each other bucket of `pending`: it
    writes evidence and asks LML nothing. `assets` are those that the runs materialise.

    Only the last run evaluates the checks of the whole library.
    """
    inputs: dict[str, int | None] = {}
    left = budget
    for partition in due:
        key = partition_key(partition.bucket)
        if key in busy or left == 0:
            continue
        inputs[key] = None if left is None else min(left, partition.rows)
        left = None if left is None else left - min(left, partition.rows)
    for bucket in sorted(pending):
        if (key := partition_key(bucket)) not in busy:
            inputs.setdefault(key, 0)
    last = next(reversed(inputs), None)
    for key, most in inputs.items():
        config: Mapping[str, object] = {} if most is None else {"max_inputs": most}
        yield dg.RunRequest(
            run_key=key,
            partition_key=key,
            run_config={"ops": {"candidate_libraries": {"config": config}}},
            asset_selection=assets,
            asset_check_keys=None if key == last else RUN_CHECKS,
        )


def refresh_due_partitions(
    context: dg.ScheduleEvaluationContext, backend: dg.ResourceParam[Backend]
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One tick: the runs to launch, or the reason why there are none and when the next rows become due."""
    from identity_assets.backend.ledger.candidates import due_partitions
    from identity_assets.backend.ledger.evidence import pending_evidence
    from identity_assets.backend.reports.overview import read_overview

    settings = backend.settings
    if settings.dry_run:
        return dg.SkipReason(DRY_RUN)
    with backend.database("schedule") as database:
        due = due_partitions(database, settings)
        pending = pending_evidence(database, settings.library_partitions) if settings.identity_legs else {}
        busy = busy_partitions(context.instance)
        # nightly_evidence has gathered the evidence, so these runs do not read the discogs-cache again.
        assets = PASS_ASSETS if settings.identity_legs else ALL_ASSETS
        requests = list(requests_within_budget(due, busy, settings.lml_nightly_input_budget, pending, assets))
        if requests:
            return requests
        if due or pending:
            return dg.SkipReason(
                f"{sum(partition.rows for partition in due):,} rows are due in "
                f"{number_of(len(due), 'partition')}. Runs that have not ended already work on all of them"
            )
        days_with_rows = [day for day in read_overview(database, settings).next_due if day.rows]
    next_due = (
        f"the next {days_with_rows[0].rows:,} are due on {days_with_rows[0].day:%Y-%m-%d}"
        if days_with_rows
        else "none become due within a week"
    )
    return dg.SkipReason(f"0 rows are due (scope {settings.scope}); {next_due}")


def refresh_all_evidence(
    context: dg.ScheduleEvaluationContext, backend: dg.ResourceParam[Backend]
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """One tick: one run for all partitions. If a run works on some of them, one run for each range of the others."""
    if backend.settings.dry_run:
        return dg.SkipReason(DRY_RUN)
    free = set(library_partitions.get_partition_keys()) - busy_partitions(context.instance)
    if not free:
        return dg.SkipReason("Runs that have not ended work on all partitions")
    return [dg.RunRequest(run_key=keys[0], tags=range_tags(keys)) for keys in contiguous_ranges(free)]


def nightly_refresh_at(cron: str) -> dg.ScheduleDefinition:
    """The schedule `nightly_refresh` at `cron`, in the station's time zone.

    Raises:
        SettingsError: Dagster does not accept `cron`.
    """
    schedule = dg.schedule(
        name="nightly_refresh",
        job=refresh_library_identity,
        cron_schedule=cron,
        execution_timezone=STATION_TIME,
        description=(
            "One run for each partition that has due rows, the most overdue first. The runs ask LML about at most "
            "LML_NIGHTLY_INPUT_BUDGET rows. Partitions with new evidence are run too. Partitions of runs that have "
            "not ended are skipped."
        ),
    )
    try:
        return schedule(refresh_due_partitions)
    except dg.DagsterInvalidDefinitionError as error:
        raise SettingsError(f"REFRESH_CRON={cron!r} is not valid: it takes a cron expression") from error


def nightly_evidence_at(cron: str) -> dg.ScheduleDefinition:
    """The schedule `nightly_evidence` at `cron`, in the station's time zone.

    Raises:
        SettingsError: Dagster does not accept `cron`.
    """
    schedule = dg.schedule(
        name="nightly_evidence",
        job=refresh_evidence,
        cron_schedule=cron,
        execution_timezone=STATION_TIME,
        description=(
            "Gather the evidence of the legs for all partitions in one run, before nightly_refresh writes it. If "
            "this schedule is off, nightly_refresh uses the evidence that is stored."
        ),
    )
    try:
        return schedule(refresh_all_evidence)
    except dg.DagsterInvalidDefinitionError as error:
        raise SettingsError(f"EVIDENCE_CRON={cron!r} is not valid: it takes a cron expression") from error


nightly_refresh = nightly_refresh_at(settings().refresh_cron)
nightly_evidence = nightly_evidence_at(settings().evidence_cron)

daily_gate_report = dg.ScheduleDefinition(
    name="daily_gate_report",
    job=gate_report,
    cron_schedule=GATE_REPORT_CRON,
    execution_timezone=STATION_TIME,
    description="Read the gate every morning after the nightly refresh, so that the UI plots it day by day.",
)

weekly_event_log_retention = dg.ScheduleDefinition(
    name="weekly_event_log_retention",
    job=event_log_retention,
    cron_schedule=RETENTION_CRON,
    execution_timezone=STATION_TIME,
    description="Delete the runs that are older than RUN_RETENTION_DAYS, every Sunday.",
)
