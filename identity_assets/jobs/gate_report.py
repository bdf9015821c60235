"""The job `gate_report`: the gate and the staleness of the rows now, and the station's report."""

import dagster as dg

from identity_assets.assets.station_report import station_report
from identity_assets.checks.gate import truly_unresolved_rows
from identity_assets.checks.staleness import stale_rows

gate_report = dg.define_asset_job(
    "gate_report",
    selection=dg.AssetSelection.checks(truly_unresolved_rows.key, stale_rows.key)
    | dg.AssetSelection.assets(station_report).without_checks(),
    description=(
        "Read the gate and the staleness of the rows, and materialise station_report. It changes no table and "
        "does not ask LML."
    ),
)
