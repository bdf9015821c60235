"""The asset `lml_verdicts`: LML's answers for the candidates, stored unchanged."""

import time
from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.assets.tables import LML_VERDICTS, PARTITION_ROWS
from identity_assets.figures import RUN_TOTALS, totals_table, what_was_done
from identity_assets.freshness import pass_window
from identity_assets.partition_keys import Buckets, buckets_of, partition_key
from identity_assets.partitions import library_partitions, one_run
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend, Lml
from identity_assets.telemetry.run_trace import RunTrace

if TYPE_CHECKING:
    from identity_assets.backend.database import Database
    from identity_assets.backend.ledger.accounts import Accounts
    from identity_assets.lml.client import LmlClient

# The candidates with these outcomes have no answer of LML.
NOT_ANSWERED = ("lml_error", "missing_artist_name", "not_asked")


@dg.asset(
    deps=["candidate_libraries"],
    partitions_def=library_partitions,
    backfill_policy=one_run,
    pool="lml",
    freshness_policy=pass_window,
    **LML_VERDICTS,
)
def lml_verdicts(
    context: dg.AssetExecutionContext,
    backend: dg.ResourceParam[Backend],
    lml: dg.ResourceParam[Lml],
    progress: dg.ResourceParam[ProgressReporter],
    trace: dg.ResourceParam[RunTrace],
) -> dg.MaterializeResult[None]:
    """What LML says about each candidate: one artist, a compilation, or that it found nothing.

    An answer is stored before it is used, so LML is never asked twice for the same answer.
    """
    from identity_assets.backend.ledger.accounts import Accounts, count_rows, read_accounts
    from identity_assets.backend.ledger.candidates import count_unasked, reopen_failed

    buckets = buckets_of(context.partition_keys)
    with (
        trace.step(context, "asking"),
        backend.database_to_write(context.run.run_id) as database,
        lml.client(context.run.run_id, trace.on_call) as client,
        database.partitions_locked(buckets),
    ):
        reopen_failed(database, buckets)
        asking = _Asking(client, count_unasked(database, buckets))
        _ask(context, backend, progress, trace, database, buckets, asking)
        accounts = read_accounts(database, buckets)
        table_rows = count_rows(database, buckets)
    for bucket in buckets.buckets:
        context.add_asset_metadata(
            what_was_done({**_answers(accounts[bucket]), PARTITION_ROWS: table_rows["lml_verdicts", bucket]}),
            partition_key=partition_key(bucket),
        )
    totals = asking.totals()
    trace.record(sum(accounts.values(), Accounts()), totals)
    asking.log(context)
    return dg.MaterializeResult(metadata={RUN_TOTALS: totals_table(totals), **what_was_done(totals)})


class _Asking:
    """The counts of one step: what LML was asked, and what came back."""

    def __init__(self, client: "LmlClient", to_ask: int) -> None:
        self.client = client
        self.to_ask = to_ask
        self.counts: Counter[str] = Counter()
        self._started = time.monotonic()

    def totals(self) -> dict[str, int | float]:
        """The totals that the run reports."""
        return {
            "asked": self.to_ask,
            "verdicts_stored": self.counts["verdicts"],
            "asked_again_with_tracks": self.counts["asked_again"],
            "lml_total_calls": self.client.calls,
            "lml_total_latency_ms": round(self.client.latency_ms),
            "foreign_results_dropped": self.counts["foreign"],
            "duplicate_results_dropped": self.counts["duplicates"],
            "not_asked": self.counts["not_asked"],
            "out_of_band_accepted": self.counts["out_of_band"],
            "seconds": round(time.monotonic() - self._started, 3),
        }

    def log(self, context: dg.AssetExecutionContext) -> None:
        """Write the totals to the step's log."""
        counts = self.counts
        if counts["out_of_band"]:
            context.log.warning(
                f"{counts['out_of_band']} verdicts with a confidence outside their method's band will be written, "
                "because CONFIDENCE_BANDS=warn: the check confidence_in_band lists them"
            )
        if counts["not_asked"]:
            context.log.warning(
                f"LML_RUN_SECONDS is over: {counts['not_asked']} of {self.to_ask} library rows were not asked, and "
                "stay due"
            )
        asked = self.to_ask - counts["not_asked"]
        context.log.info(
            f"LML was asked about {asked} library rows in {self.client.calls} calls: {counts['verdicts']} "
            f"verdicts stored, {counts['failures']} rows without an answer, {counts['foreign']} results for rows "
            f"that were not asked and {counts['duplicates']} repeated results dropped; {counts['asked_again']} rows "
            "that it called compilations were asked about again with their tracks"
        )


def _ask(
    context: dg.AssetExecutionContext,
    backend: Backend,
    progress: ProgressReporter,
    trace: RunTrace,
    database: "Database",
    buckets: Buckets,
    asking: _Asking,
) -> None:
    """Ask LML about every candidate without an answer.

    Raises:
        dg.Failure: LML is down or refuses the key. The stored answers and the totals so far are kept.
    """
    from identity_assets.backend.ledger.accounts import Accounts, read_accounts
    from identity_assets.backend.ledger.verdicts import ask_and_store, settle_unasked
    from identity_assets.lml.client import LmlError

    counts, run_id = asking.counts, context.run.run_id
    try:
        with progress.stage(context.log.info, "asking LML", asking.to_ask) as advance:
            for asked in ask_and_store(database, asking.client, buckets, backend.settings, run_id):
                answered = len(asked.verdicts) - len(asked.ask_again)
                counts["verdicts"] += answered
                counts["asked_again"] += len(asked.ask_again)
                counts["failures"] += len(asked.failures)
                counts["foreign"] += asked.foreign
                counts["duplicates"] += asked.duplicates
                counts["out_of_band"] += sum(verdict.is_written_out_of_band for verdict in asked.verdicts)
                advance(answered + len(asked.failures))
    except LmlError as error:
        settle_unasked(database, buckets, "lml_error", f"not asked: {error}")
        totals = asking.totals()
        trace.record(sum(read_accounts(database, buckets, run_id).values(), Accounts()), totals)
        raise dg.Failure(
            f"{error}; {_kept_in_words(counts['verdicts'], asking.to_ask)}",
            metadata={RUN_TOTALS: totals_table(totals)},
        ) from error
    if (seconds := backend.settings.lml_run_seconds) is not None:
        why = f"not asked: LML_RUN_SECONDS, {seconds:g} s, were over"
        counts["not_asked"] = settle_unasked(database, buckets, "not_asked", why)


def _kept_in_words(answered: int, to_ask: int) -> str:
    """What a failed step has achieved, as the end of a sentence."""
    if not answered:
        if to_ask == 1:
            return "the one library row was not answered, and it stays due"
        return f"none of the {to_ask:,} library rows was answered, and all of them stay due"
    return (
        f"{answered:,} of {to_ask:,} library rows were answered, and the next run of these partitions writes them "
        f"without asking again; the other {to_ask - answered:,} stay due"
    )


def _answers(accounts: "Accounts") -> dict[str, int]:
    """Candidates of one partition with an answer, those that LML failed on, and those without time."""
    not_answered = sum(accounts.skipped.get(outcome, 0) for outcome in NOT_ANSWERED)
    return {
        "answered": accounts.scanned - not_answered,
        "lml_error": accounts.skipped.get("lml_error", 0),
        "not_asked": accounts.skipped.get("not_asked", 0),
    }
