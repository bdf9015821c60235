"""The private names of Dagster that this project needs, in one place.

Each name is here because no public name does the same. No other module imports a private module of Dagster or reads a
private attribute of its objects. A test fails, and names what is missing, if a new version of Dagster lacks one.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from weakref import WeakSet

import dagster as dg

# The finished states of a check. The history of a check also holds evaluations that were planned and never done.
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition.valid_definitions import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.scheduler.instigation import InstigatorType
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as COMPLETED_CHECK_STATUSES,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import coerce_valid_log_level
from dagster._utils.schedules import schedule_execution_time_iterator
from dagster_shared.error import SerializableErrorInfo

__all__ = [
    "COMPLETED_CHECK_STATUSES",
    "NodeHandle",
    "SerializableErrorInfo",
    "SubmitRunContext",
    "add_hook",
    "coerce_valid_log_level",
    "execute_as_location",
    "hold_storage_connections",
    "job_and_tags_of",
    "next_tick",
    "replace_console_logger",
    "schedules_turned_on",
    "short_lived_instance",
    "store_events_in_batches",
]

EVENT_BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
LARGEST_EVENT_BATCH = 1000
CODE_LOCATION_MODULE = "identity_assets.code_location"

_holding_connections: WeakSet[dg.DagsterInstance] = WeakSet()


def replace_console_logger(make_logger: Callable[[dg.InitLoggerContext], logging.Logger]) -> None:
    """Every run of this process logs through the logger that `make_logger` returns.

    `Definitions(loggers=...)` serves only runs whose config names the logger. No run from the UI does so.
    """
    dg.colored_console_logger._logger_fn = make_logger


def add_hook(definition: dg.AssetsDefinition, hook: dg.HookDefinition) -> None:
    """Attach a hook to an asset or a check in place, because `with_hooks` turns a check into a plain asset."""
    definition._hook_defs = definition.hook_defs | {hook}


def job_and_tags_of(context: dg.HookContext) -> tuple[dg.JobDefinition, dict[str, str]]:
    """The job and the run's tags of the step that a hook is called for."""
    step = context._step_execution_context
    return step.job_def, dict(step.run_tags)


def hold_storage_connections(instance: dg.DagsterInstance) -> None:
    """Keep a connection to Dagster's storage open, as its webserver does.

    By default a process that runs steps opens a new connection for every statement. Only storage in PostgreSQL is
    affected. A second call for the same instance does nothing.
    """
    if instance not in _holding_connections:
        _holding_connections.add(instance)
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=4)


def execute_as_location(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    location: str,
    *,
    tags: Mapping[str, str],
    run_config: Mapping[str, object],
) -> dg.JobExecutionResult:
    """Execute a job in this process, as a run of the code location of this name. A failure does not raise.

    The timeline and the job's page show only runs of a code location. `JobDefinition.execute_in_process` makes runs
    without one.
    """
    target = LoadableTargetOrigin(module_name=CODE_LOCATION_MODULE)
    repository = RemoteRepositoryOrigin(
        ManagedGrpcPythonEnvCodeLocationOrigin(target, location), SINGLETON_REPOSITORY_NAME
    )
    run = instance.create_run_for_job(
        job,
        run_config=run_config,
        tags={**job.run_tags, **tags},
        remote_job_origin=RemoteJobOrigin(repository, job.name),
    )
    return execute_run(InMemoryJob(job), run, instance)


def store_events_in_batches() -> None:
    """Let Dagster store the materialisations of all partitions of an asset together.

    By default it stores each of them by itself, with five statements. Dagster reads this variable of the process for
    every event and documents it only in its source. A value that the operator has set stays.
    """
    os.environ.setdefault(EVENT_BATCH_SIZE, str(LARGEST_EVENT_BATCH))


def short_lived_instance() -> dg.DagsterInstance:
    """An instance that ends with its process. Of the events of an asset that come together it stores the newest.

    They are those of its partitions. Storing one takes eight statements, and nobody reads the others before the
    process ends.
    """
    instance = dg.DagsterInstance.ephemeral()
    storage: Any = instance.event_log_storage

    def store_newest(events: Sequence[dg.EventLogEntry]) -> None:
        for event in {event.get_dagster_event().asset_key: event for event in events}.values():
            storage.store_event(event)

    storage.store_event_batch = store_newest
    return instance


def next_tick(schedule: dg.ScheduleDefinition, after: datetime) -> datetime:
    """The first moment after `after`, in UTC, at which the schedule ticks if it is on."""
    ticks = schedule_execution_time_iterator(
        after.timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )
    return next(moment for tick in ticks if (moment := tick.astimezone(UTC)) > after)


def schedules_turned_on(instance: dg.DagsterInstance) -> set[str]:
    """The names of the schedules that somebody turned on in this instance. All schedules are off at first."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    return {state.instigator_name for state in states if state.is_running}
