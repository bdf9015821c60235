"""The job `event_log_retention`: it deletes old Dagster runs with their events, which are most of its database.

The tables of Backend and of this project are not changed. Dagster stores the history of a check separately from the
events of its run, so the plot of the gate stays complete.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from identity_assets.settings import settings

# An ended run. A run that has not ended is never deleted.
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
RECORDS_A_QUERY = 500


def delete_old_runs(
    instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey], before: datetime
) -> tuple[int, int]:
    """Delete the runs that were created before this time and have ended; how many were deleted and kept.

    A run is kept while it holds the newest materialisation of a partition of one of these assets.
    """
    run_ids = instance.get_run_ids(filters=dg.RunsFilter(statuses=ENDED, created_before=before))
    newest = (
        {run_id for asset in assets for run_id in _runs_with_newest(instance, asset)} if run_ids else set()
    )
    kept = 0
    for run_id in run_ids:
        if run_id in newest:
            kept += 1
        else:
            instance.delete_run(run_id)
    return len(run_ids) - kept, kept


def _runs_with_newest(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Iterator[str]:
    """The runs with the newest materialisation of each partition."""
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        asset, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    listed = sorted(ids.values())
    for start in range(0, len(listed), RECORDS_A_QUERY):
        some = listed[start : start + RECORDS_A_QUERY]
        wanted = dg.AssetRecordsFilter(asset_key=asset, storage_ids=some)
        for record in instance.fetch_materializations(wanted, limit=len(some)).records:
            yield record.run_id


@dg.op(description="Delete the runs that are older than RUN_RETENTION_DAYS.")
def delete_runs(context: dg.OpExecutionContext) -> None:
    """Delete, and report how many runs were deleted and kept as metadata."""
    days = settings().run_retention_days
    assets = context.instance.all_asset_keys()
    deleted, kept = delete_old_runs(context.instance, assets, datetime.now(UTC) - timedelta(days=days))
    context.log.info(
        f"{deleted:,} runs older than {days} days were deleted; {kept:,} were kept, because they hold the newest "
        "materialisation of a partition"
    )
    context.add_output_metadata({"deleted_runs": deleted, "kept_runs": kept, "run_retention_days": days})


@dg.job(
    executor_def=dg.in_process_executor,
    description=(
        "Delete the runs that are older than RUN_RETENTION_DAYS, with their events. The newest materialisation of "
        "each partition and the history of the checks stay."
    ),
)
def event_log_retention() -> None:
    """One op. It works on Dagster's storage, so it is not an asset."""
    delete_runs()
