"""The asset `lml_verdicts`: LML's answers for the candidates, stored as they come."""

import time
from collections import Counter

import dagster as dg

from identity_assets.assets.tables import LML_VERDICTS, PARTITION_ROWS
from identity_assets.backend.ledger.accounts import Accounts, count_rows, read_accounts
from identity_assets.backend.ledger.candidates import count_unasked, reopen_failed
from identity_assets.backend.ledger.verdicts import ask_and_store, fail_unasked
from identity_assets.freshness import pass_window
from identity_assets.lml.client import LmlClient, LmlError
from identity_assets.partition_keys import buckets_of, partition_key
from identity_assets.partitions import library_partitions, one_run
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend, Lml
from identity_assets.telemetry.run_trace import RunTrace


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
    """What LML says of each candidate: one artist, a compilation, or that it found nothing.

    Answers are stored before anything is made of them, so LML is not asked again for one that it has given.
    """
    buckets = buckets_of(context.partition_keys)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    with (
        trace.step(context, "asking"),
        backend.database_to_write(context.run.run_id) as database,
        lml.client(trace.on_call) as client,
        database.partitions_locked(buckets),
    ):
        reopen_failed(database, buckets)
        to_ask = count_unasked(database, buckets)
        try:
            with progress.stage(context.log.info, "asking LML", to_ask) as advance:
                for asked in ask_and_store(database, client, buckets, backend.settings, context.run.run_id):
                    counts["verdicts"] += len(asked.verdicts)
                    counts["failures"] += len(asked.failures)
                    counts["foreign"] += asked.foreign
                    counts["duplicates"] += asked.duplicates
                    counts["out_of_band"] += sum(one.is_written_out_of_band for one in asked.verdicts)
                    advance(len(asked.verdicts) + len(asked.failures))
        except LmlError as error:
            unasked = fail_unasked(database, buckets, f"not asked: {error}")
            totals = _totals(client, counts, to_ask, began)
            trace.record_from_ledger(database, buckets, totals)
            raise dg.Failure(
                f"{error} Of {to_ask} library rows to ask about, {counts['verdicts']} were answered and are kept: "
                f"the next run of these partitions applies them without asking. {unasked} were not asked, and "
                "stay due.",
                metadata={"run_totals": dg.MetadataValue.json(totals)},
            ) from error
        accounts = read_accounts(database, buckets)
        held = count_rows(database, buckets)
    for bucket, account in accounts.items():
        answered = account.scanned - sum(
            account.skipped.get(name, 0) for name in ("lml_error", "missing_artist_name")
        )
        context.add_asset_metadata(
            {
                "answered": answered,
                "lml_error": account.skipped.get("lml_error", 0),
                PARTITION_ROWS: held["lml_verdicts", bucket],
            },
            partition_key=partition_key(bucket),
        )
    totals = _totals(client, counts, to_ask, began)
    trace.record(sum(accounts.values(), Accounts()), totals)
    if counts["out_of_band"]:
        context.log.warning(
            f"{counts['out_of_band']} verdicts with a confidence outside their method's band will be written, as "
            "CONFIDENCE_BANDS=warn says: the check confidence_in_band lists them"
        )
    context.log.info(
        f"LML was asked about {to_ask} library rows in {client.calls} calls: {counts['verdicts']} verdicts "
        f"stored, {counts['failures']} without an answer, {counts['foreign']} results for rows that were not asked "
        f"and {counts['duplicates']} repeated ones dropped"
    )
    return dg.MaterializeResult(metadata={"run_totals": dg.MetadataValue.json(totals), **totals})


def _totals(client: LmlClient, counts: Counter[str], to_ask: int, began: float) -> dict[str, int | float]:
    return {
        "asked": to_ask,
        "verdicts_stored": counts["verdicts"],
        "lml_total_calls": client.calls,
        "lml_total_latency_ms": round(client.latency_ms),
        "foreign_results_dropped": counts["foreign"],
        "duplicate_results_dropped": counts["duplicates"],
        "out_of_band_accepted": counts["out_of_band"],
        "seconds": round(time.monotonic() - began, 3),
    }
