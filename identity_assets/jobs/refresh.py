"""The job `refresh_library_identity`: one pass of the graph, from selecting rows to checking the result."""

from collections.abc import Sequence

import dagster as dg

from identity_assets.settings import Leg, Scope

NAME = "refresh_library_identity"


def refresh_library_identity(
    scope: Scope, legs: Sequence[Leg], off: Sequence[dg.AssetsDefinition]
) -> "dg.UnresolvedAssetJobDefinition":
    """The job; its launchpad begins with this scope and these legs. The assets `off` are left out."""
    selection: dg.AssetSelection = dg.AssetSelection.groups("identity")
    return dg.define_asset_job(
        NAME,
        selection=selection - dg.AssetSelection.assets(*off) if off else selection,
        config={
            "ops": {
                "candidate_libraries": {"config": {"scope": scope.name, "max_inputs": None}},
                "identity_tables": {"config": {"legs": [leg.name for leg in legs]}},
            }
        },
        description=(
            "Select the library rows that are due, ask LML about them, write the answers, and check the result."
        ),
    )
