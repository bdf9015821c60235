"""The check `stale_rows`: how much of what stands in the tables is past its window, row by row.

The freshness that Dagster shows is that of an asset: one partition refreshed makes all of it look fresh.
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
        "An identity is asked for again `STALE_THRESHOLD_DAYS` after it was last verified, and a release that LML "
        "could not identify `UNRESOLVED_RETRY_DAYS` after the attempt. These rows are past that, and LML may know "
        "better by now. Some are due each day by nature; many, or very old ones, mean that the refresh does not run "
        "or does not keep up."
    ),
    what_to_do=(
        "Materialise the identity assets for the partitions with the most rows past their window, the oldest first. "
        "Where this comes back day after day, see that the schedule `nightly_refresh` is on, that its budget "
        "`LML_NIGHTLY_INPUT_BUDGET` is not too small, and that the rows are in the scope of its runs."
    ),
    about="candidate_libraries",
)


@dg.asset_check(
    asset="library_identity",
    description=(
        "Are the rows fresh, each by itself? Counts identities and unresolved attempts that are past their window "
        "and not asked about again yet, by partition. Warns when there are any; an error when they are more than "
        "the share STALE_ROWS_ERROR of all rows that were ever asked about."
    ),
)
def stale_rows(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the rows past their window, and judge their share."""
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
    columns = ("partition", "stale", "retry_due", "oldest_age_days", "asked_ever")
    return table(
        columns,
        [
            dict(
                zip(
                    columns,
                    (partition_key(one.bucket), one.stale, one.retry_due, one.oldest_age_days, one.held),
                    strict=True,
                )
            )
            for one in stale.partitions
        ],
    )


staleness_checks = [stale_rows]
