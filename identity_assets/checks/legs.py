"""The checks of the legs. `leg_conflicts`: do they contradict each other? `leg_matches`: does S3 match any row?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import Check, CheckRun, Evaluation
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

EVIDENCE, TABLES = "flowsheet_match_evidence", "library_identity_source"
NO_MATCH = (
    "Look at the discogs-cache: it may be empty, hold releases of another kind, or be normalised in another way. S3 "
    "finds nothing new until pairs match again."
)


def _evaluate_matches(run: CheckRun) -> Evaluation:
    """Judge the figures that the last materialisation of S3's evidence reports."""
    seen = _last_seen(run.context.instance)
    read, matched, kept, scanned = (
        seen.get(name, 0)
        for name in ("cache_pairs_read", "cache_matched", "evidence_rows_kept", "library_rows_read")
    )
    if not seen:
        return Evaluation(True, dg.AssetCheckSeverity.ERROR, "S3 was not gathered.", {})
    says = f"{matched:,} of {read:,} pairs are ours."
    return Evaluation(
        passed=matched > 0 or scanned == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        description=says if matched else f"{says}\n\n{NO_MATCH}",
        metadata={
            "pairs_read": dg.MetadataValue.int(read),
            "pairs_matched": dg.MetadataValue.int(matched),
            "evidence_rows": dg.MetadataValue.int(kept),
            "about": dg.MetadataValue.asset(dg.AssetKey("flowsheet_match")),
        },
    )


def _last_seen(instance: dg.DagsterInstance) -> Mapping[str, int]:
    """The numbers of the newest materialisation in which S3 was gathered; empty if there is none.

    A leg that only the config of a run names is gathered in the step of the tables, so they report it.
    """
    events = [
        event
        for asset in (EVIDENCE, TABLES)
        if (event := instance.get_latest_materialization_event(dg.AssetKey(asset))) is not None
    ]
    for event in sorted(events, key=lambda one: one.timestamp, reverse=True):
        assert event.asset_materialization is not None
        numbers = {
            name: value.value
            for name, value in event.asset_materialization.metadata.items()
            if isinstance(value, dg.IntMetadataValue) and value.value is not None
        }
        if "cache_pairs_read" in numbers:
            return numbers
    return {}


leg_matches = Check(
    "leg_matches",
    EVIDENCE,
    "Does the discogs-cache hold releases of this library? It fails if no pair of the cache matched a library row "
    "when S3 was last gathered.",
    _evaluate_matches,
)
