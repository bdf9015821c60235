"""What the assets of the two legs share: gather the evidence, store it, report it."""

import time

import dagster as dg

from identity_assets.assets.tables import PARTITION_ROWS
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.resources import Backend, Discogs
from identity_assets.settings import Leg
from identity_assets.wording import counted_reasons


def materialise_evidence(
    context: dg.AssetExecutionContext, leg: Leg, backend: Backend, discogs: Discogs | None = None
) -> dg.MaterializeResult[None]:
    """Gather what the leg finds in the partitions of the step, and store it."""
    from identity_assets.backend.ledger.evidence import count_by_bucket
    from identity_assets.gathering import gather_and_store

    buckets = buckets_of(context.partition_keys)
    started = time.monotonic()
    run_id = context.run.run_id
    with backend.database_to_write(run_id) as database, database.partitions_locked(buckets):
        cache = None if discogs is None else discogs.cache(run_id)
        gathered, stored = gather_and_store(leg, database, backend.settings, buckets, run_id, cache)
    rows_by_bucket = count_by_bucket(gathered, buckets.partitions)
    for bucket in buckets.buckets:
        skipped = {reason: rows for (place, reason), rows in gathered.skipped.items() if place == bucket}
        context.add_asset_metadata(
            {
                PARTITION_ROWS: rows_by_bucket[bucket],
                "scanned": rows_by_bucket[bucket] + sum(skipped.values()),
                **{f"skipped_{reason}": rows for reason, rows in sorted(skipped.items())},
            },
            partition_key=partition_key(bucket),
        )
    reasons = gathered.reasons()
    context.log.info(
        f"{leg}: {gathered.scanned} library rows read, {len(gathered.evidence)} have a Discogs entity, "
        f"{sum(reasons.values())} have none ({counted_reasons(reasons)}); "
        f"{stored.written} rows of evidence are new or changed, {stored.removed} were removed"
    )
    totals = {
        "scanned": gathered.scanned,
        "pinned": len(gathered.evidence),
        "skipped": reasons,
        "evidence_rows_written": stored.written,
        "evidence_rows_removed": stored.removed,
        "seconds": round(time.monotonic() - started, 3),
    }
    return dg.MaterializeResult(metadata={"leg_totals": dg.MetadataValue.json(totals)})
