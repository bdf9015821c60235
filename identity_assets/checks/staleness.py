"""The check `stale_rows`: how many rows are due to be asked about again, row by row.

Dagster shows the freshness of an asset: one refreshed partition makes the whole asset look fresh.
"""

from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import Check, CheckRun, Evaluation
from identity_assets.checks.findings import Words, evaluation_of, table
from identity_assets.partition_keys import partition_key

if TYPE_CHECKING:
    from identity_assets.backend.reports.integrity import StaleRows

WORDS = Words(
    passed="Every identity and every unresolved attempt is inside its window.",
    failed="Library rows past their window, due to be asked about again",
    reason=(
        "LML is asked about an identity again `STALE_THRESHOLD_DAYS` after it was last verified, about a release "
        "that it could not identify `UNRESOLVED_RETRY_DAYS` after the attempt, about an answer that was set aside "
        "`INVALID_RETRY_DAYS` after it was asked, and about changed names at once. These rows are due, and LML may "
        "know better by now. Some rows become due each day; many rows, or very old ones, mean that the refresh does "
        "not run or does not keep up."
    ),
    what_to_do=(
        "Materialise the identity assets for the partitions with the most due rows, the oldest first. If this comes "
        "back day after day, check that the schedule `nightly_refresh` is on, that its budget "
        "`LML_NIGHTLY_INPUT_BUDGET` is not too small, and that the rows are in the scope of its runs."
    ),
    about="candidate_libraries",
)


def _evaluate(run: CheckRun) -> Evaluation:
    from identity_assets.backend.reports.integrity import read_stale_rows

    stale = read_stale_rows(run.database, run.settings, run.settings.library_partitions)
    is_error = stale.share > run.settings.stale_rows_error
    return evaluation_of(
        stale.finding,
        WORDS,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        metadata={
            "share": dg.MetadataValue.float(round(stale.share, 4)),
            # Dagster plots every number, and a constant is not worth a plot.
            "error_above_share": dg.MetadataValue.text(f"{run.settings.stale_rows_error:g}"),
            "oldest_age_days": dg.MetadataValue.float(stale.oldest_age_days),
            "by_partition": _partition_table(stale),
        },
    )


def _partition_table(stale: "StaleRows") -> dg.TableMetadataValue:
    reasons = ("stale", "retry_due", "names_changed", "invalid_retry_due")
    return table(
        ("partition", *reasons, "oldest_age_days", "asked_ever"),
        [
            {
                "partition": partition_key(one.bucket),
                **{reason: getattr(one, reason) for reason in reasons},
                "oldest_age_days": one.oldest_age_days,
                "asked_ever": one.held,
            }
            for one in stale.partitions
        ],
    )


stale_rows = Check(
    "stale_rows",
    "library_identity",
    "Are the rows fresh? Counts, by partition, the identities and unresolved attempts that are past their window and "
    "were not asked about again yet. Warns if there are any. Fails with an error if they are more than the share "
    "STALE_ROWS_ERROR of all rows that LML was ever asked about.",
    _evaluate,
)
