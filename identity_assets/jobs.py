"""The jobs: named selections of the graph that a schedule, a person or the command line launches."""

import dagster as dg

refresh_library_identity = dg.define_asset_job(
    "refresh_library_identity",
    selection=dg.AssetSelection.groups("identity"),
    description="Select the library rows that are due, ask LML about them, and write what it says.",
)
