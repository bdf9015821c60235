"""Starts the telemetry of a process that runs the graph: log lines, Dagster's log lines, Sentry."""

from identity_assets.settings import Settings
from identity_assets.telemetry.dagster_logs import start_dagster_logs
from identity_assets.telemetry.logs import form_for, start_logs


def start_telemetry(settings: Settings) -> None:
    """Start logs and Sentry as the settings say. A second call changes only the form of the lines."""
    form = form_for(settings.log_format)
    start_logs(form)
    start_dagster_logs(form)
    start_failure_reports(settings)


def start_failure_reports(settings: Settings) -> None:
    """Start Sentry if the settings have a DSN. The SDK is imported only then."""
    if settings.sentry_dsn is not None:
        from identity_assets.telemetry.sentry import start_sentry

        start_sentry(settings)
