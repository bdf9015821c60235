"""The check `leg_conflicts`: library rows for which the two legs name different releases."""

from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import CheckRun
from identity_assets.checks.findings import Words, finding_check

if TYPE_CHECKING:
    from identity_assets.backend.reports.integrity import Finding

CONFLICTS = Words(
    passed="The legs do not contradict each other.",
    failed="Library rows for which the two legs name different releases",
    reason=(
        "`canonical_entity_id` (S1) and `flowsheet_match` (S3) each name the release in Discogs. For these rows they "
        "name two entities of one kind, or a release and a master that the discogs-cache does not connect. **The "
        "more confident leg is written**, S1 if both are equally confident, and the two do not count as agreement. "
        "Listeners see the release on the rotation-tracks page."
    ),
    what_to_do=(
        "Compare both with the shelf. If `canonical_entity_id` is wrong, correct it in Backend. If the match is "
        "wrong, tell whoever makes the snapshot. Or set the row by hand: no run changes a row with the method "
        "`manual`. A few conflicts among many rows are normal."
    ),
    about="library_identity_source",
)


def _read_conflicts(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_leg_conflicts

    return read_leg_conflicts(run.database)


leg_conflicts = finding_check(
    "leg_conflicts",
    "library_identity_source",
    "Do the two legs agree? Lists library rows for which canonical_entity_id (S1) and flowsheet_match (S3) name "
    "different releases, and which of the two is written.",
    CONFLICTS,
    _read_conflicts,
    dg.AssetCheckSeverity.WARN,
)
