"""The limit of two runs that ask LML, on an instance on which nothing has run, with Dagster's own dequeuing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any
from unittest import mock

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from identity_assets.definitions import build_defs
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets_tests.deploy.instances import deployed_instance
from identity_assets_tests.support import before_each_statement

pytestmark = pytest.mark.long

LIMIT = 2


@pytest.fixture
def instance(tmp_path: Path, postgres: EmbeddedPostgres) -> Iterator[dg.DagsterInstance]:
    """A new instance of deploy/dagster.yaml."""
    with deployed_instance(tmp_path, postgres, "dagster_queue") as made:
        yield made


def queue_runs(
    instance: dg.DagsterInstance, submit: Any, job: str = "refresh_library_identity", runs: int = 5
) -> None:
    """Put runs of this job into the queue, as a schedule or a backfill does."""
    location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("identity_assets"), "__repository__")
    for _ in range(runs):
        run = instance.create_run_for_job(
            build_defs().resolve_job_def(job), remote_job_origin=RemoteJobOrigin(location, job)
        )
        submit(SubmitRunContext(run, workspace=mock.Mock()))


def dequeued(instance: dg.DagsterInstance) -> int:
    """How many runs the daemon's next iteration would launch."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    runs = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)
    return len(runs)


@pytest.mark.promise("lml budget")
def test_at_most_two_of_the_first_runs_of_an_instance_leave_the_queue(instance: dg.DagsterInstance) -> None:
    queue_runs(instance, instance.run_coordinator.submit_run)
    assert dequeued(instance) == LIMIT
    limits = {
        limit.name: (limit.limit, limit.from_default)
        for limit in instance.event_log_storage.get_pool_limits()
    }
    assert limits == {"lml": (LIMIT, True)}


@pytest.mark.promise("lml budget")
def test_two_processes_may_put_the_first_runs_into_the_queue_at_once(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """A schedule, a backfill and the launchpad submit runs by themselves, and each would make the pool's slots."""
    together = Barrier(2)

    def wait_for_the_other(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO concurrency_limits"):
            with suppress(BrokenBarrierError):
                together.wait(3)

    def submit(_number: int) -> None:
        with dg.DagsterInstance.from_config(str(tmp_path)) as own:
            queue_runs(own, own.run_coordinator.submit_run, runs=2)

    with before_each_statement(wait_for_the_other), ThreadPoolExecutor(2) as threads:
        list(threads.map(submit, range(2)))
    assert instance.event_log_storage.get_concurrency_info("lml").slot_count == LIMIT
    assert dequeued(instance) == LIMIT


def test_without_our_queue_all_of_the_first_runs_leave_it(instance: dg.DagsterInstance) -> None:
    """The fault that run_queue.py is there for. If this fails, Dagster has mended it: delete run_queue.py."""
    plain = dg.QueuedRunCoordinator()
    plain.register_instance(instance)
    queue_runs(instance, plain.submit_run)
    assert dequeued(instance) == 5


def test_a_limit_that_an_operator_has_set_stays(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("lml", 1)
    queue_runs(instance, instance.run_coordinator.submit_run)
    assert dequeued(instance) == 1


def test_runs_that_do_not_ask_lml_are_not_held_back(instance: dg.DagsterInstance) -> None:
    queue_runs(instance, instance.run_coordinator.submit_run, "gate_report")
    assert dequeued(instance) == 5
    assert instance.event_log_storage.get_pool_limits() == []
