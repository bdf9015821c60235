"""The leg S3: `flowsheet_match`, and `flowsheet_match_evidence` of it. In the graph where IDENTITY_LEGS names it."""

import dagster as dg

from identity_assets.assets.leg_evidence import materialise_evidence
from identity_assets.assets.tables import FLOWSHEET_MATCH, FLOWSHEET_MATCH_EVIDENCE
from identity_assets.partitions import library_partitions, one_run
from identity_assets.resources import Backend, Discogs
from identity_assets.settings import Leg

flowsheet_match = dg.AssetSpec(
    "flowsheet_match",
    description=(
        "Normalised artist and title of releases in Discogs, in a PostgreSQL of its own, the discogs-cache. An "
        "operator takes this snapshot; nothing here ever writes to it."
    ),
    **FLOWSHEET_MATCH,
)


@dg.asset(
    deps=["library", "flowsheet_match"],
    partitions_def=library_partitions,
    backfill_policy=one_run,
    **FLOWSHEET_MATCH_EVIDENCE,
)
def flowsheet_match_evidence(
    context: dg.AssetExecutionContext,
    backend: dg.ResourceParam[Backend],
    discogs: dg.ResourceParam[Discogs],
) -> dg.MaterializeResult[None]:
    """What the discogs-cache says (S3): the Discogs master or release under the same normalised artist and title.

    Only gathered here, and written with everything else by the one writer. What is no longer found is removed.
    """
    return materialise_evidence(context, Leg.S3, backend, discogs)
