"""The asset `canonical_entity_evidence`: the leg S1. It gathers something only if IDENTITY_LEGS names S1."""

import dagster as dg

from identity_assets.assets.leg_evidence import EVIDENCE_TAG, EvidenceConfig, materialise_evidence
from identity_assets.assets.tables import LEG_EVIDENCE
from identity_assets.partitions import library_partitions, one_run
from identity_assets.resources import Backend
from identity_assets.settings import Leg


@dg.asset(
    deps=["library"],
    partitions_def=library_partitions,
    backfill_policy=one_run,
    tags=dict([EVIDENCE_TAG]),
    **LEG_EVIDENCE,
)
def canonical_entity_evidence(
    context: dg.AssetExecutionContext, config: EvidenceConfig, backend: dg.ResourceParam[Backend]
) -> dg.MaterializeResult[None]:
    """The Discogs release or master that Backend's canonical_entity_id names for a library row (S1).

    This asset only gathers; the identity tables are written in one later step. Evidence that is no longer found is
    removed. If that is more than EVIDENCE_SHRINK_LIMIT allows, the step fails and removes nothing.
    """
    return materialise_evidence(context, config, Leg.S1, backend)
