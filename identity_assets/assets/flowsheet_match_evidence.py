"""The leg S3: the asset `flowsheet_match` and its evidence, which is gathered only if IDENTITY_LEGS names S3."""

import dagster as dg

from identity_assets.assets.leg_evidence import EVIDENCE_TAG, EvidenceConfig, materialise_evidence
from identity_assets.assets.tables import FLOWSHEET_MATCH, LEG_EVIDENCE
from identity_assets.partitions import library_partitions, one_run
from identity_assets.resources import Backend, Discogs
from identity_assets.settings import Leg

flowsheet_match = dg.AssetSpec(
    "flowsheet_match",
    description=(
        "Normalised artists and titles of releases in Discogs. The table is in the discogs-cache, another "
        "PostgreSQL. An operator makes this snapshot; this graph never writes to it."
    ),
    **FLOWSHEET_MATCH,
)


@dg.asset(
    deps=["library", "flowsheet_match"],
    partitions_def=library_partitions,
    backfill_policy=one_run,
    tags=dict([EVIDENCE_TAG]),
    **LEG_EVIDENCE,
)
def flowsheet_match_evidence(
    context: dg.AssetExecutionContext,
    config: EvidenceConfig,
    backend: dg.ResourceParam[Backend],
    discogs: dg.ResourceParam[Discogs],
) -> dg.MaterializeResult[None]:
    """The Discogs master or release that the discogs-cache has under the same normalised artist and title (S3).

    This asset only gathers; the identity tables are written in one later step. Evidence that is no longer found is
    removed. If that is more than EVIDENCE_SHRINK_LIMIT allows, the step fails and removes nothing.
    """
    return materialise_evidence(context, config, Leg.S3, backend, discogs)
