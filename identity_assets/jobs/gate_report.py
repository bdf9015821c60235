"""The job `gate_report`: the gate and the staleness of the rows now."""

import dagster as dg

from identity_assets.checks.gate import truly_unresolved_rows
from identity_assets.checks.staleness import stale_rows

gate_report = dg.define_asset_job(
    "gate_report",
    selection=dg.AssetSelection.checks(truly_unresolved_rows.key, stale_rows.key),
    description="Read the gate and the staleness of the rows. It materialises nothing and does not ask LML.",
)
