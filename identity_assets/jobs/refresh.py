"""The job `refresh_library_identity`: one pass of the graph, from selecting rows to checking the result."""

from collections.abc import Sequence

import dagster as dg

NAME = "refresh_library_identity"


def refresh_library_identity(off: Sequence[dg.AssetsDefinition]) -> "dg.UnresolvedAssetJobDefinition":
    """The job. The assets `off` are left out."""
    selection: dg.AssetSelection = dg.AssetSelection.groups("identity")
    return dg.define_asset_job(
        NAME,
        selection=selection - dg.AssetSelection.assets(*off) if off else selection,
        description=(
            "Select the library rows that are due, ask LML about them, write the answers, and check the result."
        ),
    )
