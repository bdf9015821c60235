"""What Dagster loads: starts the logs and Sentry of this process, then builds the graph of definitions.py."""

from identity_assets.definitions import build_defs
from identity_assets.settings import settings
from identity_assets.telemetry.dagster_logs import start_dagster_logs
from identity_assets.telemetry.logs import form_for, start_logs
from identity_assets.telemetry.sentry import start_sentry

start_logs(form_for(settings().log_format))
start_dagster_logs(form_for(settings().log_format))
start_sentry(settings())

defs = build_defs()
