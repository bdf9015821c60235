"""The assets `library_identity_source`, `library_identity`, `library_unresolved` and `compilation_track_identity`.

One step writes all four in the same transactions, so they are one multi_asset that cannot be subset.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from identity_assets.assets.leg_evidence import ACCEPT_SHRINK, log_gathered, seen_metadata, totals_of_leg
from identity_assets.assets.tables import (
    COMPILATION_TRACK_IDENTITY,
    LIBRARY_IDENTITY,
    LIBRARY_IDENTITY_SOURCE,
    LIBRARY_UNRESOLVED,
    PARTITION_ROWS,
)
from identity_assets.figures import RUN_TOTALS, state_of, totals_table, what_was_done
from identity_assets.freshness import resolved_window, unresolved_window
from identity_assets.launch_choices import BY_SETTING, legs_of
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.partitions import library_partitions, one_run
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend
from identity_assets.settings import Leg
from identity_assets.telemetry.run_trace import RunTrace
from identity_assets.wording import counted_reasons

if TYPE_CHECKING:
    from identity_assets.backend.ledger.accounts import Accounts
    from identity_assets.backend.writing.written import Written

SPECS = [
    dg.AssetSpec(
        "library_identity_source",
        deps=["lml_verdicts"],
        description=(
            "What each source (Discogs, MusicBrainz, Wikidata, ...) says about a release: id, method, confidence. "
            "One row is one source of one release. No run changes a row that a person set (method manual)."
        ),
        freshness_policy=resolved_window,
        **LIBRARY_IDENTITY_SOURCE,
    ),
    dg.AssetSpec(
        "library_identity",
        deps=["lml_verdicts"],
        description=(
            "Who made each release: the main row, with LML's method and confidence unchanged. A row that is replaced "
            "by a different one is kept in library_identity_history. No run changes a row that a person set."
        ),
        freshness_policy=resolved_window,
        **LIBRARY_IDENTITY,
    ),
    dg.AssetSpec(
        "library_unresolved",
        deps=["lml_verdicts"],
        description=(
            "Releases that LML was asked about and could not identify, and when. LML is not asked again before "
            "UNRESOLVED_RETRY_DAYS have passed. A row leaves this table when its release is resolved."
        ),
        freshness_policy=unresolved_window,
        **LIBRARY_UNRESOLVED,
    ),
    dg.AssetSpec(
        "compilation_track_identity",
        deps=["lml_verdicts"],
        description=(
            "Who performs each track of a various-artists release: the credits of compilation_track_artist, linked "
            "to the artists of the catalogue. library_track_identity_source holds the evidence of each track. No "
            "run changes a credit that a librarian linked."
        ),
        freshness_policy=resolved_window,
        **COMPILATION_TRACK_IDENTITY,
    ),
]
# The legs name releases and never leave one unresolved, so library_unresolved does not depend on their evidence.
FED_BY_LEGS = ("library_identity_source", "library_identity")


class WritingConfig(dg.Config):
    """What a person may choose when launching a run."""

    legs: list[str] = Field(
        default=[BY_SETTING],
        description="S1, S3, both, or an empty list. A leg that is off is gathered in this step. "
        "by_setting: those that IDENTITY_LEGS names.",
    )
    accept_shrink: bool = Field(
        default=False,
        description=f"For a leg that is off and that `legs` names. {ACCEPT_SHRINK}",
    )


def identity_tables_with(
    evidence: Sequence[dg.AssetsDefinition], legs_on: Sequence[Leg]
) -> dg.AssetsDefinition:
    """The four tables, which are written after the evidence of the legs."""

    @dg.multi_asset(
        name="identity_tables",
        specs=[
            spec.merge_attributes(deps=[*evidence]) if spec.key.to_user_string() in FED_BY_LEGS else spec
            for spec in SPECS
        ],
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
        """Write the stored verdicts to Backend's tables and to library_unresolved. LML is not called."""
        legs = legs_of(config.legs, legs_on)
        to_gather = [leg for leg in legs if leg not in legs_on]
        yield from _write(
            context, backend, progress, trace, legs, to_gather, accept_shrink=config.accept_shrink
        )

    return identity_tables


def _write(
    context: dg.AssetExecutionContext,
    backend: Backend,
    progress: ProgressReporter,
    trace: RunTrace,
    legs: Sequence[Leg],
    legs_to_gather: Sequence[Leg],
    *,
    accept_shrink: bool,
) -> Iterator[dg.MaterializeResult[None]]:
    from identity_assets.backend.ledger.accounts import Accounts, count_rows, read_accounts
    from identity_assets.backend.ledger.plausible import require_plausible
    from identity_assets.backend.reports.partition_states import read_partition_states
    from identity_assets.backend.writing.verdicts import write_verdicts
    from identity_assets.backend.writing.written import Written
    from identity_assets.gathering import gather_and_store

    buckets = buckets_of(context.partition_keys)
    started = time.monotonic()
    run_id = context.run.run_id
    with (
        trace.step(context, "writing"),
        backend.database_to_write(run_id) as database,
        database.partitions_locked(buckets),
    ):
        # Also where this step is materialised without the check answers_plausible.
        require_plausible(database, buckets, backend.settings, run_id)
        evidence_totals: dict[str, int] = {}
        seen: dict[str, int] = {}
        for leg in legs_to_gather:
            gathered, stored = gather_and_store(
                leg, database, backend.settings, buckets, run_id, accept_shrink=accept_shrink
            )
            log_gathered(context, leg, gathered, stored)
            evidence_totals |= totals_of_leg(leg, stored)
            seen |= seen_metadata(gathered, stored)
        selected = sum((accounts.scanned for accounts in read_accounts(database, buckets).values()), 0)
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
        table_rows = count_rows(database, buckets)
        states = read_partition_states(database, backend.settings, buckets)
    total, total_written = sum(accounts.values(), Accounts()), sum(written.values(), Written())
    total.check(selected)
    for bucket in buckets.buckets:
        metadata = _metadata_by_asset(accounts[bucket], written[bucket], with_legs=bool(legs))
        for asset, numbers in metadata.items():
            state = state_of(states[bucket]) if asset == "library_identity" else {}
            context.add_asset_metadata(
                {**what_was_done(numbers | {PARTITION_ROWS: table_rows[asset, bucket]}), **state},
                asset_key=asset,
                partition_key=partition_key(bucket),
            )
    trace.record(total, asdict(total_written))
    _log(context, total, total_written)
    run_totals = totals_table(
        {
            **_outcomes(total),
            **asdict(total_written),
            **evidence_totals,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    for spec in SPECS:
        of_leg = seen if spec.key.to_user_string() == "library_identity_source" else {}
        yield dg.MaterializeResult(asset_key=spec.key, metadata={RUN_TOTALS: run_totals, **of_leg})


def _outcomes(accounts: "Accounts") -> dict[str, int]:
    """The accounts, each outcome with its rows."""
    return {
        "scanned": accounts.scanned,
        "resolved": accounts.resolved,
        "resolved_compilation": accounts.resolved_compilation,
        "unresolved": accounts.unresolved,
        "skipped": sum(accounts.skipped.values()),
        **{f"skipped_{reason}": rows for reason, rows in accounts.skipped.items()},
    }


def _metadata_by_asset(
    accounts: "Accounts", written: "Written", *, with_legs: bool
) -> dict[str, dict[str, int]]:
    """The numbers of one partition, by the asset that the UI shows them on."""
    metadata = {
        "library_identity": {
            **_outcomes(accounts),
            "main_rows_written": written.main_rows_written,
            "history_rows_written": written.history_rows_written,
        },
        "library_identity_source": {
            "source_rows_written": written.source_rows_written,
            "source_rows_removed": written.source_rows_removed,
            "source_rows_skipped_null_confidence": written.source_rows_skipped_null_confidence,
        },
        "library_unresolved": {"sidecar_rows_written": written.sidecar_rows_written},
        "compilation_track_identity": {
            name: rows for name, rows in asdict(written).items() if name.startswith(("track_", "positions_"))
        },
    }
    if with_legs:
        metadata["library_identity"] |= {
            "main_rows_removed": written.main_rows_removed,
            "leg_rows_refused": written.leg_rows_refused,
            "leg_rows_outdated": written.leg_rows_outdated,
        }
    return metadata


def _log(context: dg.AssetExecutionContext, accounts: "Accounts", written: "Written") -> None:
    context.log.info(
        f"{accounts.scanned} library rows settled: {accounts.resolved} resolved, {accounts.unresolved} unresolved, "
        f"{sum(accounts.skipped.values())} skipped ({counted_reasons(accounts.skipped)}); "
        f"{written.source_rows_written} source rows and {written.main_rows_written} main rows written, "
        f"{written.history_rows_written} replaced main rows kept in history"
    )
    context.log.info(
        f"{written.track_rows_written} track credits linked to their artists, {written.track_rows_unchanged} linked "
        f"already, {written.track_links_removed} links taken away, {written.positions_written} positions filled"
    )
    if written.leg_rows_refused:
        context.log.warning(
            f"the database refused the rows that the legs make for {written.leg_rows_refused} library rows: "
            "leg_evidence.refused_reason says why; every run tries them again"
        )
    if written.leg_rows_outdated:
        context.log.warning(
            f"{written.leg_rows_outdated} library rows have other names or another canonical_entity_id than when the "
            "legs read them: their evidence wrote nothing new, and writes nothing until the legs are gathered again "
            "(the job refresh_evidence)"
        )
