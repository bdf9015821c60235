"""The asset `candidate_libraries`: which library rows are due now."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from identity_assets.ask_again import AskAgain
from identity_assets.assets.tables import CANDIDATE_LIBRARIES, PARTITION_ROWS
from identity_assets.figures import RUN_TOTALS, state_of, totals_table, what_was_done
from identity_assets.freshness import pass_window
from identity_assets.launch_choices import NO_LIMIT, SCOPE_FIELD, AskAgainConfig, ScopeChoice
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.partitions import library_partitions, one_run
from identity_assets.resources import Backend
from identity_assets.telemetry.run_trace import RunTrace
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.backend.ledger.candidates import Selected


class SelectionConfig(AskAgainConfig):
    """What a person may choose when launching a run."""

    scope: ScopeChoice = SCOPE_FIELD
    max_inputs: int = Field(
        default=NO_LIMIT,
        ge=NO_LIMIT,
        description="The largest number of rows to select, those that have waited longest first. 0 selects none and "
        "only writes what is stored. -1: no limit.",
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
    """The library rows that are due, with the reason: never asked, names changed, stale, or due for a retry.

    This table is the ledger of the pass. Every row in it ends with exactly one outcome. Materialising the asset
    starts a new pass of the partition.
    """
    from identity_assets.backend.ledger.accounts import Accounts
    from identity_assets.backend.ledger.candidates import select_candidates
    from identity_assets.backend.reports.partition_states import read_partition_states

    ask_again = config.chosen_answers()
    scope = config.scope.of(backend.settings)
    max_inputs = None if config.max_inputs == NO_LIMIT else config.max_inputs
    buckets = buckets_of(context.partition_keys)
    run_id = context.run.run_id
    with (
        trace.step(context, "selection"),
        backend.database_to_write(run_id) as database,
        database.partitions_locked(buckets),
        ThreadPoolExecutor(1) as thread,
    ):
        # The selection changes nothing that the states count, so both are read at once.
        read = partial(read_partition_states, database, replace(backend.settings, scope=scope), buckets)
        reading = thread.submit(copy_context().run, read)
        selected = select_candidates(
            database, buckets, backend.settings, scope, run_id, max_inputs, ask_again
        )
        states = reading.result()
    trace.record(Accounts.of((group.outcome, group.rows) for group in selected), {"scope": str(scope)})
    for bucket in buckets.buckets:
        counts = _counts([group for group in selected if group.bucket == bucket])
        selected_rows = what_was_done(counts | {PARTITION_ROWS: counts["scanned"]})
        context.add_asset_metadata(
            {**selected_rows, **state_of(states[bucket])}, partition_key=partition_key(bucket)
        )
    total = _counts(selected)
    context.log.info(
        f"{number_of(total['scanned'], 'library row')} {_selected_as(ask_again)} in "
        f"{number_of(len(buckets.buckets), 'partition')} (scope {scope}): "
        f"{total['to_ask']:,} to ask LML about, {total['answer_stored']:,} answered earlier and not yet applied, "
        f"{total['missing_artist_name']:,} without an artist name"
    )
    return dg.MaterializeResult(metadata={"scope": str(scope), RUN_TOTALS: totals_table(total)})


def _selected_as(ask_again: AskAgain | None) -> str:
    return "due" if ask_again is None else f"to be asked again ({ask_again.answers})"


def _counts(selected: "list[Selected]") -> Counter[str]:
    """Selected rows: all of them, by reason, and by what happens to them next."""
    from identity_assets.backend.reports.overview import REASONS

    names = ("scanned", *REASONS, "va", "missing_artist_name")
    counts: Counter[str] = Counter(dict.fromkeys((*names, "to_ask", "answer_stored"), 0))
    for group in selected:
        counts["scanned"] += group.rows
        counts[group.reason] += group.rows
        counts["va"] += group.rows * (group.cohort == "va")
        counts["missing_artist_name"] += group.rows * (group.outcome == "missing_artist_name")
        counts["answer_stored"] += group.rows * group.answered
        counts["to_ask"] += group.rows * (group.outcome is None and not group.answered)
    return counts
