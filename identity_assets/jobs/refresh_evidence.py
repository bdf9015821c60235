"""The job `refresh_evidence`: what the legs find now. It is in the graph only if IDENTITY_LEGS names a leg."""

import dagster as dg

from identity_assets.assets.leg_evidence import EVIDENCE_TAG

refresh_evidence = dg.define_asset_job(
    "refresh_evidence",
    selection=dg.AssetSelection.tag(*EVIDENCE_TAG),
    description=(
        "Gather the evidence of the legs, so that the discogs-cache is read once a night and not once a partition. "
        "It does not ask LML. The identity tables are written by refresh_library_identity."
    ),
)
