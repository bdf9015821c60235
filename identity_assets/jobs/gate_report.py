"""The job `gate_report`: the gate and every other check of the whole library now, and the station's report."""

import dagster as dg

from identity_assets.assets.station_report import station_report
from identity_assets.jobs.refresh import RUN_CHECKS

gate_report = dg.define_asset_job(
    "gate_report",
    selection=(dg.AssetSelection.all_asset_checks() - dg.AssetSelection.checks(*RUN_CHECKS))
    | dg.AssetSelection.assets(station_report).without_checks(),
    description=(
        "Read the gate, the staleness of the rows and every other check of the whole library, and materialise "
        "station_report. It changes no table and does not ask LML."
    ),
)
