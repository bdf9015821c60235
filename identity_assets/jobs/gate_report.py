"""The job `gate_report`: the gate and the staleness as the rows stand now."""

import dagster as dg

gate_report = dg.define_asset_job(
    "gate_report",
    selection=dg.AssetSelection.checks(
        dg.AssetCheckKey(dg.AssetKey("library_identity"), "truly_unresolved_rows"),
        dg.AssetCheckKey(dg.AssetKey("library_identity"), "stale_rows"),
    ),
    description="Read the gate and the staleness of the rows as they stand. Materialises nothing and asks nobody.",
)
