"""The asset `canonical_entity_evidence`: the leg S1. In the graph only where IDENTITY_LEGS names it."""

import dagster as dg

from identity_assets.assets.leg_evidence import materialise_evidence
from identity_assets.assets.tables import CANONICAL_ENTITY_EVIDENCE
from identity_assets.partitions import library_partitions, one_run
from identity_assets.resources import Backend
from identity_assets.settings import Leg


@dg.asset(
    deps=["library"],
    partitions_def=library_partitions,
    backfill_policy=one_run,
    **CANONICAL_ENTITY_EVIDENCE,
)
def canonical_entity_evidence(
    context: dg.AssetExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.MaterializeResult[None]:
    """What Backend's own canonical_entity_id says (S1): the Discogs release or master of a library row.

    Only gathered here, and written with everything else by the one writer. What is no longer found is removed.
    """
    return materialise_evidence(context, Leg.S1, backend)
