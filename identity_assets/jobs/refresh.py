"""The job `refresh_library_identity`: one pass of the graph, from selecting rows to checking the result."""

import dagster as dg

refresh_library_identity = dg.define_asset_job(
    "refresh_library_identity",
    # With the evidence of legs that are off: else the UI warns that the tables depend on what was never materialised.
    selection=dg.AssetSelection.groups("identity"),
    description="Select the library rows that are due, ask LML about them, write the answers, and check the result.",
)
