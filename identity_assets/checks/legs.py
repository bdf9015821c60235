"""The check `leg_conflicts`: where the two legs name different releases. In the graph where a leg is on."""

import dagster as dg

from identity_assets.backend.reports.integrity import read_leg_conflicts
from identity_assets.checks.findings import Words, result_of
from identity_assets.resources import Backend

CONFLICTS = Words(
    passed="The legs contradict each other nowhere.",
    failed="Library rows that the two legs pin to different releases",
    reason=(
        "`canonical_entity_id` (S1) and `flowsheet_match` (S3) each name the release in Discogs. Here they name two "
        "of one kind, or a release and a master that the discogs-cache says is not its own. **The surer one "
        "stands**, S1 where they are equally sure, and the two are not taken for agreement. The release is what a "
        "listener sees on the rotation-tracks page."
    ),
    what_to_do=(
        "Compare both with the shelf. Where `canonical_entity_id` is wrong, mend it in Backend; where the match "
        "is, take it to whoever makes the snapshot. Or set the row by hand: one with the method `manual` is never "
        "changed here. A few among many are ordinary."
    ),
    about="library_identity_source",
)


@dg.asset_check(
    asset="library_identity_source",
    description=(
        "Do the two legs agree? Lists library rows that canonical_entity_id (S1) and flowsheet_match (S3) pin to "
        "different releases, and which of the two stands."
    ),
)
def leg_conflicts(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the library rows of which the legs say different things."""
    with backend.database(context.run.run_id) as database:
        return result_of(read_leg_conflicts(database), CONFLICTS, severity=dg.AssetCheckSeverity.WARN)


leg_checks = [leg_conflicts]
