"""What Dagster loads: starts the telemetry of this process, then builds the graph of definitions.py."""

from identity_assets.definitions import build_defs
from identity_assets.settings import settings
from identity_assets.telemetry.dagster_internals import store_events_in_batches
from identity_assets.telemetry.start import start_telemetry

start_telemetry(settings())
store_events_in_batches()

defs = build_defs()
