"""The check `stale_rows`: how many rows are due to be asked about again, row by row.

Dagster shows the freshness of an asset: one refreshed partition makes the whole asset look fresh.
"""

import dagster as dg

from identity_assets.backend.reports.integrity import StaleRows, read_stale_rows
from identity_assets.checks.findings import Words, result_of, table
from identity_assets.partition_keys import PARTITIONS, partition_key
from identity_assets.resources import Backend

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


@dg.asset_check(
    asset="library_identity",
    description=(
        "Is each row fresh? Counts by partition the library rows that were asked about before and are due again. "
        "Warns if there are any; an error if they are more than the share STALE_ROWS_ERROR of all rows that were "
        "ever asked about."
    ),
)
def stale_rows(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the rows that are due again, and judge their share."""
    with backend.database(context.run.run_id) as database:
        stale = read_stale_rows(database, backend.settings, PARTITIONS)
    too_many = stale.share > backend.settings.stale_rows_error
    return result_of(
        stale.finding,
        WORDS,
        severity=dg.AssetCheckSeverity.ERROR if too_many else dg.AssetCheckSeverity.WARN,
        metadata={
            "share": dg.MetadataValue.float(round(stale.share, 4)),
            "error_above_share": dg.MetadataValue.float(backend.settings.stale_rows_error),
            "oldest_age_days": dg.MetadataValue.float(stale.oldest_age_days),
            "by_partition": _by_partition(stale),
        },
    )


def _by_partition(stale: StaleRows) -> dg.TableMetadataValue:
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


staleness_checks = [stale_rows]
