"""Dagster's run queue with pools that are limited from the first run of an instance on.

Dagster gives a pool the instance's default limit when a queued run first names it, but only after it has read which
pools have a limit. So the default limit does not hold for the runs that are in the queue at that moment: they all
start together. Here a pool gets its limit before its first run enters the queue, from one process at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg
from sqlalchemy import text

from identity_assets.telemetry.dagster_internals import SubmitRunContext

POOL_LOCK: Final = int.from_bytes(b"idpools")
"""The key of the advisory lock in Dagster's database under which pools get their slots."""


class PoolLimitedRunCoordinator(dg.QueuedRunCoordinator):
    """`QueuedRunCoordinator`, for the `run_coordinator` section of dagster.yaml. It takes the same configuration.

    A limit that an operator has set for a pool stays.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Give each pool of the run that has no limit the default limit, and put the run into the queue."""
        used = context.dagster_run.run_op_concurrency
        storage = self._instance.event_log_storage
        if used is not None and used.all_pools and storage.supports_global_concurrency_limits:
            pools = sorted(used.all_pools)
            if _without_slots(storage, pools):
                with _alone(storage):
                    for pool in _without_slots(storage, pools):
                        storage.initialize_concurrency_limit_to_default(pool)
        return super().submit_run(context)


def _without_slots(storage: Any, pools: list[str]) -> list[str]:
    """The pools with the default limit that do not have as many slots as it says. At first a pool has none."""
    found = storage.get_concurrency_infos(pools).values()
    return [one.concurrency_key for one in found if one.using_default_limit and one.slot_count != one.limit]


@contextmanager
def _alone(storage: Any) -> Iterator[None]:
    """Keep other processes from doing the same in PostgreSQL.

    If two processes give a new pool its limit at once, Dagster's statement fails in one of them, and its run never
    enters the queue.
    """
    with storage.index_connection() as connection:
        if connection.dialect.name != "postgresql":
            yield
            return
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": POOL_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": POOL_LOCK})
