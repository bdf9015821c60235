"""The assets `library_identity_source`, `library_identity` and `library_unresolved`, which land together.

One writer serves all three, so they are one multi_asset that cannot be subset.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
from pydantic import Field

from identity_assets.assets.tables import (
    LIBRARY_IDENTITY,
    LIBRARY_IDENTITY_SOURCE,
    LIBRARY_UNRESOLVED,
    PARTITION_ROWS,
)
from identity_assets.backend.ledger.accounts import Accounts, count_rows, read_accounts
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.backend.writing.written import Written
from identity_assets.freshness import resolved_window, unresolved_window
from identity_assets.gathering import gather_and_store
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.partitions import library_partitions, one_run
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend
from identity_assets.settings import Leg
from identity_assets.telemetry.run_trace import RunTrace

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


class WritingConfig(dg.Config):
    """What a person may choose when launching a run."""

    legs: list[Leg] | None = Field(
        default=None,
        description="S1, S3 or both, also where they are not in the graph: they are gathered here then; or none. "
        "Unset: what IDENTITY_LEGS says.",
    )


def identity_tables_with(evidence: Mapping[Leg, dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """The three tables, written after the evidence of the legs that are in the graph."""
    legs, deps = tuple(evidence), [*evidence.values()]
    fed = [
        spec if spec.key.to_user_string() == "library_unresolved" else spec.merge_attributes(deps=deps)
        for spec in SPECS
    ]

    @dg.multi_asset(
        name="identity_tables",
        specs=fed,
        partitions_def=library_partitions,
        backfill_policy=one_run,
        can_subset=False,
    )
    def identity_tables(
        context: dg.AssetExecutionContext,
        config: WritingConfig,
        backend: dg.ResourceParam[Backend],
        progress: dg.ResourceParam[ProgressReporter],
        trace: dg.ResourceParam[RunTrace],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Write the stored verdicts to Backend's identity tables and the sidecar; no call to LML is made."""
        chosen = legs if config.legs is None else config.legs
        yield from _write(
            context, backend, progress, trace, chosen, [leg for leg in chosen if leg not in legs]
        )

    return identity_tables


def _write(
    context: dg.AssetExecutionContext,
    backend: Backend,
    progress: ProgressReporter,
    trace: RunTrace,
    legs: Sequence[Leg],
    legs_to_gather: Sequence[Leg],
) -> Iterator[dg.MaterializeResult[None]]:
    buckets = buckets_of(context.partition_keys)
    began = time.monotonic()
    run_id = context.run.run_id
    with (
        trace.step(context, "writing"),
        backend.database_to_write(run_id) as database,
        database.partitions_locked(buckets),
    ):
        for leg in legs_to_gather:
            gather_and_store(leg, database, backend.settings, buckets, run_id)
        selected = sum((one.scanned for one in read_accounts(database, buckets).values()), 0)
        with progress.stage(context.log.info, "writing", selected) as advance:
            written = write_verdicts(
                database,
                buckets,
                backend.settings,
                run_id,
                advance,
                with_legs=bool(legs),
            )
        accounts = read_accounts(database, buckets)
        held = count_rows(database, buckets)
    total = sum(accounts.values(), Accounts())
    total.check(selected)
    for bucket in buckets.buckets:
        _report(context, partition_key(bucket), accounts[bucket], written[bucket], with_legs=bool(legs))
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
    if all_written.leg_rows_refused:
        context.log.warning(
            f"the database refused {all_written.leg_rows_refused} library rows as the legs make them: "
            "leg_evidence.refused_reason says why; they are tried again in every run"
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


def _report(
    context: dg.AssetExecutionContext, key: str, accounts: Accounts, written: Written, *, with_legs: bool
) -> None:
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
    if with_legs:
        reports["library_identity"] |= {
            "main_rows_removed": written.main_rows_removed,
            "leg_rows_refused": written.leg_rows_refused,
        }
    for name, metadata in reports.items():
        context.add_asset_metadata(metadata, asset_key=name, partition_key=key)
