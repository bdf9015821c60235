"""What `status` shows of Dagster: the runs that go on, the runs that ended, and the schedules.

How it is printed is in status_screen.py. What commands wrote outside Dagster is backend/reports/outlook.py.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from identity_assets.figures import totals_of_step
from identity_assets.schedules import NOT_ENDED, daily_gate_report, nightly_evidence, nightly_refresh
from identity_assets.settings import settings
from identity_assets.telemetry.dagster_internals import next_tick, schedules_turned_on
from identity_assets.terminal.run_pass import JOB, failure_line

# Dagster runs a selection of assets, as the UI and backfills launch it, under this name.
UNNAMED_JOB = "__ASSET_JOB"
LAUNCHERS = {
    "launched_by": "{}",
    "dagster/schedule_name": "schedule {}",
    "dagster/backfill": "backfill {}",
    "dagster/from_ui": "Dagster UI",
}
COUNTS = ("scanned", "resolved", "resolved_compilation", "unresolved", "asked", "lml_total_calls")
# The steps whose totals are COUNTS, the later one last. A leg counts other rows under the same names.
COUNTED_STEPS = ("candidate_libraries", "lml_verdicts", "identity_tables")
RUNS_SHOWN = 20
# A run that asked about fewer rows mostly waited for something else than LML's answers.
ROWS_THAT_SHOW_THE_RATE = 50


@dataclass(frozen=True)
class RunLine:
    """One Dagster run. `partitions` is a key or a range of keys; `seconds` is the time so far if the run goes on.

    `counts` has those of COUNTS that the run has reported, in library rows and calls. `asking_seconds` is how long it
    asked LML. `launched_by` is None if no tag of the run says so; `failure` is the line of its first failed step.
    `taken_back` counts the library rows that an unwind has taken back since.
    """

    run_id: str
    job: str
    status: str
    started_at: datetime | None
    partitions: str | None
    seconds: float | None
    launched_by: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    asking_seconds: float | None = None
    failure: str | None = None
    has_ended: bool = True
    taken_back: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The run as `status --json` prints it."""
        started_at = None if self.started_at is None else self.started_at.isoformat()
        return {**vars(self), "started_at": started_at, "counts": dict(self.counts)}


@dataclass(frozen=True)
class ScheduleLine:
    """A schedule: whether it is on, and when it ticks next if it is."""

    name: str
    is_on: bool
    next_tick: datetime

    def as_dict(self) -> dict[str, Any]:
        """The schedule as `status --json` prints it."""
        return {"name": self.name, "is_on": self.is_on, "next_tick": self.next_tick.isoformat()}


def last_runs(instance: dg.DagsterInstance, limit: int = 5) -> list[RunLine]:
    """The last runs of all jobs of the instance, the newest first."""
    return [_run_line(instance, record) for record in instance.get_run_records(limit=limit)]


def running_runs(instance: dg.DagsterInstance) -> list[RunLine]:
    """The runs that have not ended, the newest first; at most 20 of them."""
    filters = dg.RunsFilter(statuses=NOT_ENDED)
    return [_run_line(instance, record) for record in instance.get_run_records(filters, limit=RUNS_SHOWN)]


def schedule_lines(instance: dg.DagsterInstance, now: datetime) -> list[ScheduleLine]:
    """The schedules of the graph; the first one is the nightly refresh."""
    evidence = [nightly_evidence] if settings().identity_legs else []
    turned_on = schedules_turned_on(instance)
    return [
        ScheduleLine(schedule.name, schedule.name in turned_on, next_tick(schedule, now))
        for schedule in (nightly_refresh, *evidence, daily_gate_report)
    ]


def inputs_per_second(runs: Sequence[RunLine], inputs: int) -> float | None:
    """How fast LML will answer about this number of rows: as in the newest of these runs that shows it, else None.

    Such a run asked to the end, and about 50 rows, or about as many as `inputs` if these are fewer.
    """
    enough = max(min(inputs, ROWS_THAT_SHOW_THE_RATE), 1)
    for run in runs:
        asked = run.counts.get("asked", 0)
        if run.status == dg.DagsterRunStatus.SUCCESS.value and asked >= enough and run.asking_seconds:
            return asked / run.asking_seconds
    return None


def known_run_ids(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> set[str]:
    """Those of these ids that are runs of this Dagster instance."""
    if not run_ids:
        return set()
    return {run.run_id for run in instance.get_runs(filters=dg.RunsFilter(run_ids=list(run_ids)))}


def _run_line(instance: dg.DagsterInstance, record: dg.RunRecord) -> RunLine:
    run, started_at = record.dagster_run, record.start_time
    ended_at = record.end_time if run.is_finished else time.time()
    events = list(_events(instance, run.run_id))
    totals = {event.step_key: found for event in events if (found := totals_of_step(event))}
    counts = {name: value for step in COUNTED_STEPS for name, value in totals.get(step, {}).items()}
    asking_seconds = totals.get("lml_verdicts", {}).get("seconds")
    failures = [failure_line(event) for event in events if event.is_step_failure]
    return RunLine(
        run_id=run.run_id,
        job=_job_name(run),
        status=run.status.value,
        started_at=None if started_at is None else datetime.fromtimestamp(started_at, UTC),
        partitions=_partitions(run.tags),
        seconds=None if started_at is None or ended_at is None else round(ended_at - started_at, 1),
        launched_by=next(
            (form.format(run.tags[tag]) for tag, form in LAUNCHERS.items() if tag in run.tags), None
        ),
        counts={name: int(counts[name]) for name in COUNTS if name in counts},
        asking_seconds=asking_seconds,
        failure=failures[0] if failures else None,
        has_ended=run.is_finished,
    )


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.DagsterEvent]:
    kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.STEP_FAILURE}
    for record in instance.get_records_for_run(run_id, of_type=kinds).records:
        if (event := record.event_log_entry.dagster_event) is not None:
            yield event


def _job_name(run: dg.DagsterRun) -> str:
    """The job; for a run of chosen assets their names, and the job that runs all of them if all are chosen."""
    if not run.job_name.startswith(UNNAMED_JOB):
        return run.job_name
    chosen = {key.to_user_string() for key in run.asset_selection or ()}
    if {"candidate_libraries", "lml_verdicts", "library_identity"} <= chosen:
        return JOB
    return ", ".join(sorted(chosen)) or "chosen assets"


def _partitions(tags: Mapping[str, str]) -> str | None:
    first = tags.get("dagster/asset_partition_range_start")
    last = tags.get("dagster/asset_partition_range_end")
    if first is None or last is None:
        return tags.get("dagster/partition")
    return first if first == last else f"{first} to {last}"
