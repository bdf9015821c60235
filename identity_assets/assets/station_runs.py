"""What Dagster knows about the last runs: how they ended, what they asked LML, and which partitions failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from identity_assets.figures import totals_in
from identity_assets.partition_keys import partitions_of_run
from identity_assets.partitions import library_partitions

RUNS_READ = 100
LML_VERDICTS = dg.AssetKey("lml_verdicts")
# The tag that says who launched a run, and the text for it. The command line sets the first tag.
LAUNCHERS = {
    "launched_by": "{}",
    "dagster/schedule_name": "schedule {}",
    "dagster/backfill": "backfill {}",
    "dagster/from_ui": "Dagster UI",
}


@dataclass(frozen=True)
class StationRun:
    """One Dagster run. `seconds` is None until it ends."""

    run_id: str
    job: str
    status: str
    partitions: Sequence[str]
    started_at: datetime | None
    seconds: float | None
    launched_by: str


@dataclass(frozen=True)
class AskingCost:
    """The number of runs that asked LML, of library rows and of calls, and LML's time in milliseconds."""

    runs: int
    asked: int
    calls: int
    latency_ms: int


def last_runs(instance: dg.DagsterInstance) -> list[StationRun]:
    """The last 100 runs of all jobs, the newest first."""
    return [_run(record) for record in instance.get_run_records(limit=RUNS_READ)]


def failed_partitions(runs: Sequence[StationRun]) -> set[str]:
    """The partitions whose last run failed; `runs` are the newest first."""
    last_status: dict[str, str] = {}
    for run in runs:
        for key in run.partitions:
            last_status.setdefault(key, run.status)
    return {key for key, status in last_status.items() if status == dg.DagsterRunStatus.FAILURE.value}


def asking_cost(instance: dg.DagsterInstance, since: timedelta) -> AskingCost:
    """What the runs that materialised lml_verdicts in this time asked. Each event has the totals of its run."""
    after = datetime.now(UTC) - since
    events = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=LML_VERDICTS, after_timestamp=after.timestamp()),
        limit=RUNS_READ * len(library_partitions.get_partition_keys()),
    ).records
    by_run = {
        event.run_id: totals_in(event.asset_materialization.metadata)
        for event in events
        if event.asset_materialization is not None
    }
    asked = [totals for totals in by_run.values() if totals.get("asked")]
    return AskingCost(
        runs=len(asked),
        asked=sum(int(totals["asked"]) for totals in asked),
        calls=sum(int(totals.get("lml_total_calls", 0)) for totals in asked),
        latency_ms=sum(int(totals.get("lml_total_latency_ms", 0)) for totals in asked),
    )


def _run(record: dg.RunRecord) -> StationRun:
    run, started_at, ended_at = record.dagster_run, record.start_time, record.end_time
    return StationRun(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status.value,
        partitions=partitions_of_run(run.tags),
        started_at=None if started_at is None else datetime.fromtimestamp(started_at, UTC),
        seconds=None if started_at is None or ended_at is None else round(ended_at - started_at, 1),
        launched_by=next(
            (form.format(run.tags[tag]) for tag, form in LAUNCHERS.items() if tag in run.tags), "unknown"
        ),
    )
