"""The asset `candidate_libraries`: which library rows are due now."""

from collections import Counter

import dagster as dg
from pydantic import Field

from identity_assets.assets.tables import CANDIDATE_LIBRARIES, PARTITION_ROWS
from identity_assets.backend.ledger.accounts import Accounts
from identity_assets.backend.ledger.candidates import Selected, select_candidates
from identity_assets.backend.reports.overview import REASONS
from identity_assets.freshness import pass_window
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.partitions import library_partitions, one_run
from identity_assets.resources import Backend
from identity_assets.settings import Scope
from identity_assets.telemetry.run_trace import RunTrace


class SelectionConfig(dg.Config):
    """What a person may choose when launching a run."""

    scope: Scope | None = Field(
        default=None,
        description="canonical: rows with a canonical_entity_id; full: all. Unset: what INCLUDE_NULL_CANONICAL says.",
    )
    max_inputs: int | None = Field(
        default=None,
        ge=1,
        description="At most so many rows, those that have waited longest first. Unset: all.",
    )


@dg.asset(
    deps=["library"],
    partitions_def=library_partitions,
    backfill_policy=one_run,
    freshness_policy=pass_window,
    **CANDIDATE_LIBRARIES,
)
def candidate_libraries(
    context: dg.AssetExecutionContext,
    config: SelectionConfig,
    backend: dg.ResourceParam[Backend],
    trace: dg.ResourceParam[RunTrace],
) -> dg.MaterializeResult[None]:
    """The library rows that are due, with the reason: never asked, names changed, stale, or to be asked again.

    This is the ledger of the pass. Each row in it comes to exactly one outcome, which can be read there
    afterwards. Materialising it begins a new pass of the partition.
    """
    scope = config.scope or backend.settings.scope
    buckets = buckets_of(context.partition_keys)
    with (
        trace.step(context, "selection"),
        backend.database_to_write(context.run.run_id) as database,
        database.partitions_locked(buckets),
    ):
        selected = select_candidates(
            database, buckets, backend.settings, scope, context.run.run_id, config.max_inputs
        )
    trace.record(Accounts.of((one.outcome, one.rows) for one in selected), {"scope": str(scope)})
    for bucket in buckets.buckets:
        counts = _counts([one for one in selected if one.bucket == bucket])
        context.add_asset_metadata(
            counts | {PARTITION_ROWS: counts["scanned"]}, partition_key=partition_key(bucket)
        )
    total = _counts(selected)
    context.log.info(
        f"{total['scanned']} library rows are due in {len(buckets.buckets)} partitions (scope {scope}): "
        f"{total['to_ask']} to ask LML about, {total['answer_stored']} answered earlier and not yet applied, "
        f"{total['missing_artist_name']} without an artist name"
    )
    return dg.MaterializeResult(
        metadata={"scope": str(scope), "run_totals": dg.MetadataValue.json(dict(total))}
    )


def _counts(selected: list[Selected]) -> Counter[str]:
    """Rows in all, by reason, and by what is to happen to them."""
    counts: Counter[str] = Counter(
        dict.fromkeys(("scanned", *REASONS, "va", "missing_artist_name"), 0)
        | {"to_ask": 0, "answer_stored": 0}
    )
    for one in selected:
        counts["scanned"] += one.rows
        counts[one.reason] += one.rows
        counts["va"] += one.rows * (one.cohort == "va")
        counts["missing_artist_name"] += one.rows * (one.outcome == "missing_artist_name")
        counts["answer_stored"] += one.rows * one.answered
        counts["to_ask"] += one.rows * (one.outcome is None and not one.answered)
    return counts
