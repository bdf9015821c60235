"""The assets `library_identity_source`, `library_identity` and `library_unresolved`, which land together.

One writer serves all three, so they are one multi_asset that cannot be subset.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg

from identity_assets.assets.tables import (
    LIBRARY_IDENTITY,
    LIBRARY_IDENTITY_SOURCE,
    LIBRARY_UNRESOLVED,
    PARTITION_ROWS,
)
from identity_assets.backend.accounts import Accounts, count_rows, read_accounts
from identity_assets.backend.writer import Written, write_verdicts
from identity_assets.freshness import resolved_window, unresolved_window
from identity_assets.observability import RunTrace
from identity_assets.partitions import buckets_of, library_partitions, one_run, partition_key
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend

SPECS = [
    dg.AssetSpec(
        "library_identity_source",
        deps=["lml_verdicts"],
        description=(
            "What each source (Discogs, MusicBrainz, Wikidata, ...) says of a release: its id, method, confidence. "
            "One row a source. Rows that a person set (method manual) are never changed."
        ),
        freshness_policy=resolved_window,
        **LIBRARY_IDENTITY_SOURCE,
    ),
    dg.AssetSpec(
        "library_identity",
        deps=["lml_verdicts"],
        description=(
            "Who made each release: the main row, with LML's method and confidence as they came. A row that is "
            "replaced by a different one is kept in library_identity_history. Rows that a person set are never "
            "changed."
        ),
        freshness_policy=resolved_window,
        **LIBRARY_IDENTITY,
    ),
    dg.AssetSpec(
        "library_unresolved",
        deps=["lml_verdicts"],
        description=(
            "Releases that LML was asked about and could not identify, and when: they are not asked again before "
            "UNRESOLVED_RETRY_DAYS have passed. A row leaves when it resolves."
        ),
        freshness_policy=unresolved_window,
        **LIBRARY_UNRESOLVED,
    ),
]


@dg.multi_asset(
    name="identity_tables",
    specs=SPECS,
    partitions_def=library_partitions,
    backfill_policy=one_run,
    can_subset=False,
)
def identity_tables(
    context: dg.AssetExecutionContext,
    backend: dg.ResourceParam[Backend],
    progress: dg.ResourceParam[ProgressReporter],
    trace: dg.ResourceParam[RunTrace],
) -> Iterator[dg.MaterializeResult[None]]:
    """Write the stored verdicts to Backend's identity tables and the sidecar; no call to LML is made."""
    buckets = buckets_of(context.partition_keys)
    began = time.monotonic()
    with (
        trace.step(context, "writing"),
        backend.database(context.run.run_id) as database,
        database.partitions_locked(buckets),
    ):
        selected = sum((one.scanned for one in read_accounts(database, buckets).values()), 0)
        with progress.stage(context.log.info, "writing", selected) as advance:
            written = write_verdicts(database, buckets, backend.settings.writer_chunk_rows, advance)
        accounts = read_accounts(database, buckets)
        held = count_rows(database, buckets)
    total = sum(accounts.values(), Accounts())
    total.check(selected)
    for bucket in buckets.buckets:
        _report(context, partition_key(bucket), accounts[bucket], written[bucket])
        for spec in SPECS:
            name = spec.key.to_user_string()
            context.add_asset_metadata(
                {PARTITION_ROWS: held[name, bucket]}, asset_key=name, partition_key=partition_key(bucket)
            )
    all_written = sum(written.values(), Written())
    trace.record(total, asdict(all_written))
    context.log.info(
        f"{total.scanned} library rows settled: {total.resolved} resolved, {total.unresolved} unresolved, "
        f"{sum(total.skipped.values())} skipped {total.skipped or ''}; {all_written.source_rows_written} source "
        f"rows and {all_written.main_rows_written} main rows written, {all_written.history_rows_written} replaced "
        "main rows kept in history"
    )
    run_totals = {
        "accounts": total.as_dict(),
        "written": asdict(all_written),
        "seconds": round(time.monotonic() - began, 3),
    }
    for spec in SPECS:
        yield dg.MaterializeResult(
            asset_key=spec.key, metadata={"run_totals": dg.MetadataValue.json(run_totals)}
        )


def _report(context: dg.AssetExecutionContext, key: str, accounts: Accounts, written: Written) -> None:
    """The partition's numbers, each on the asset that they are about."""
    reports: dict[str, dict[str, Any]] = {
        "library_identity": {
            "scanned": accounts.scanned,
            "resolved": accounts.resolved,
            "resolved_compilation": accounts.resolved_compilation,
            "unresolved": accounts.unresolved,
            "skipped": sum(accounts.skipped.values()),
            **{f"skipped_{reason}": rows for reason, rows in accounts.skipped.items()},
            "main_rows_written": written.main_rows_written,
            "history_rows_written": written.history_rows_written,
        },
        "library_identity_source": {
            "source_rows_written": written.source_rows_written,
            "source_rows_removed": written.source_rows_removed,
            "source_rows_skipped_null_confidence": written.source_rows_skipped_null_confidence,
        },
        "library_unresolved": {"sidecar_rows_written": written.sidecar_rows_written},
    }
    for name, metadata in reports.items():
        context.add_asset_metadata(metadata, asset_key=name, partition_key=key)
