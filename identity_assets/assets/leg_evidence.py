"""What the assets of the two legs share: gather the evidence, store it, report it."""

import time
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from identity_assets.assets.tables import PARTITION_ROWS
from identity_assets.figures import RUN_TOTALS, totals_table, what_was_done
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.resources import Backend, Discogs
from identity_assets.settings import Leg
from identity_assets.wording import counted_reasons

if TYPE_CHECKING:
    from identity_assets.backend.ledger.evidence import EvidenceStored
    from identity_assets.evidence import Gathered


# The job refresh_evidence selects the assets with this tag.
EVIDENCE_TAG = ("identity_assets/evidence", "leg")
ACCEPT_SHRINK = (
    "Remove evidence that the leg no longer finds, even if that is more than EVIDENCE_SHRINK_LIMIT allows. Look at "
    "the input of the leg first."
)


class EvidenceConfig(dg.Config):
    """What a person may choose when launching a run."""

    accept_shrink: bool = Field(default=False, description=ACCEPT_SHRINK)


def described(evidence: dg.AssetsDefinition, leg: Leg, *, on: bool) -> dg.AssetsDefinition:
    """The asset of the leg, with a description that says whether the leg is on."""
    state = "on" if on else "off: nothing is gathered until IDENTITY_LEGS names it"
    return evidence.map_asset_specs(
        lambda spec: spec.replace_attributes(
            description=f"**The leg {leg} is {state}.**\n\n{spec.description}"
        )
    )


def materialise_evidence(
    context: dg.AssetExecutionContext,
    config: EvidenceConfig,
    leg: Leg,
    backend: Backend,
    discogs: Discogs | None = None,
) -> dg.MaterializeResult[None]:
    """Gather what the leg finds in the partitions of the step, and store it.

    A leg that is off gathers and stores nothing, and says so. It is materialised all the same: Dagster counts a
    backfill as failed if one of its assets is not.
    """
    if leg not in backend.settings.identity_legs:
        off = f"the leg {leg} is off, so nothing is gathered: IDENTITY_LEGS={leg} turns it on"
        context.log.info(off)
        return dg.MaterializeResult(metadata={"off": off})
    from identity_assets.gathering import gather_and_store

    buckets = buckets_of(context.partition_keys)
    started = time.monotonic()
    run_id = context.run.run_id
    with backend.database_to_write(run_id) as database, database.partitions_locked(buckets):
        gathered, stored = gather_and_store(
            leg,
            database,
            backend.settings,
            buckets,
            run_id,
            None if discogs is None else discogs.cache(run_id),
            accept_shrink=config.accept_shrink,
        )
    _report_partitions(context, gathered)
    log_gathered(context, leg, gathered, stored)
    done = {
        "library_rows_read": gathered.scanned,
        "evidence_rows_written": stored.written,
        "evidence_rows_removed": stored.removed,
        "evidence_rows_kept": stored.kept,
    }
    totals = {
        "scanned": gathered.scanned,
        "pinned": len(gathered.evidence),
        **{f"skipped_{reason}": rows for reason, rows in gathered.reasons().items()},
        **done,
        **totals_of_leg(leg, stored),
        "seconds": round(time.monotonic() - started, 3),
    }
    return dg.MaterializeResult(
        metadata={
            RUN_TOTALS: totals_table(totals),
            **what_was_done(done),
            **seen_metadata(gathered, stored),
        }
    )


def seen_metadata(gathered: "Gathered", stored: "EvidenceStored") -> dict[str, int]:
    """What the leg saw in the discogs-cache, for the check leg_matches and for Dagster's plots, with its zeros."""
    if gathered.seen is None:
        return {}
    return {
        "library_rows_read": gathered.scanned,
        "evidence_rows_kept": stored.kept,
        **{f"cache_{name}": number for name, number in gathered.seen.as_dict().items()},
    }


def _report_partitions(context: dg.AssetExecutionContext, gathered: "Gathered") -> None:
    from identity_assets.backend.ledger.evidence import count_by_bucket

    buckets = buckets_of(context.partition_keys)
    rows_by_bucket = count_by_bucket(gathered, buckets.partitions)
    for bucket in buckets.buckets:
        skipped = {reason: rows for (place, reason), rows in gathered.skipped.items() if place == bucket}
        context.add_asset_metadata(
            what_was_done(
                {
                    PARTITION_ROWS: rows_by_bucket[bucket],
                    "scanned": rows_by_bucket[bucket] + sum(skipped.values()),
                    **{f"skipped_{reason}": rows for reason, rows in sorted(skipped.items())},
                }
            ),
            partition_key=partition_key(bucket),
        )


def totals_of_leg(leg: Leg, stored: "EvidenceStored") -> dict[str, int]:
    """The counts of the leg's evidence. The names differ from leg to leg, because a run adds up all its steps."""
    return {f"{leg}_evidence_removed": stored.removed, f"{leg}_evidence_kept": stored.kept}


def log_gathered(
    context: dg.AssetExecutionContext, leg: Leg, gathered: "Gathered", stored: "EvidenceStored"
) -> None:
    """Log what the leg saw and stored, and warn if no pair of the discogs-cache matches a library row."""
    reasons = gathered.reasons()
    context.log.info(
        f"{leg}: {gathered.scanned} library rows read, {len(gathered.evidence)} have a Discogs entity, "
        f"{sum(reasons.values())} have none ({counted_reasons(reasons)}); {stored.written} rows of evidence are new "
        f"or changed, {stored.removed} were removed, {stored.kept} are kept"
    )
    seen = gathered.seen
    if seen is None:
        return
    context.log.info(
        f"{leg}: {seen.pairs_read:,} pairs read in the discogs-cache, {seen.usable:,} usable, {seen.matched:,} "
        f"matched ({seen.ambiguous:,} ambiguous); {seen.tombstones:,} tombstones, {seen.empty_names:,} empty after "
        f"normalising, {seen.no_discogs_id:,} without an id, {seen.co_artists:,} by several artists"
    )
    if gathered.scanned and not seen.matched:
        context.log.warning(
            f"{leg}: 0 of {seen.pairs_read:,} pairs are ours: the discogs-cache is empty or has other data"
        )
