"""Dagster's run queue with pools that are limited from the first run of an instance on.

Dagster gives a pool the instance's default limit when a queued run first names it, but only after it has read which
pools have a limit. So the default limit does not hold for the runs that are in the queue at that moment: they all
start together. Here a pool gets its limit before its first run enters the queue.
"""

import dagster as dg

from identity_assets.telemetry.dagster_internals import SubmitRunContext


class PoolLimitedRunCoordinator(dg.QueuedRunCoordinator):
    """`QueuedRunCoordinator`, for the `run_coordinator` section of dagster.yaml. It takes the same configuration.

    A limit that an operator has set for a pool stays.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Give each pool of the run that has no limit the default limit, and put the run into the queue."""
        used = context.dagster_run.run_op_concurrency
        storage = self._instance.event_log_storage
        if used is not None and used.all_pools and storage.supports_global_concurrency_limits:
            limited = {limit.name for limit in storage.get_pool_limits()}
            for pool in sorted(used.all_pools - limited):
                storage.initialize_concurrency_limit_to_default(pool)
        return super().submit_run(context)
