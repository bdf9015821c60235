"""Dagster's own records of a run, written in the form of logs.py.

Dagster uses a logger of `Definitions(loggers=...)` only if the config of the run names it. No run from the UI, a
schedule or a backfill does so. Every run uses the default console logger, so this module replaces that one.
"""

import logging

import dagster as dg

from identity_assets.settings import LogFormat
from identity_assets.telemetry.dagster_internals import (
    NodeHandle,
    coerce_valid_log_level,
    replace_console_logger,
)
from identity_assets.telemetry.logs import LineFormatter, LogContext, StderrHandler, partition_of


def start_dagster_logs(form: LogFormat) -> None:
    """Every run of this process writes its records in the given form, at the level that its config names."""

    def make_logger(context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("dagster", coerce_valid_log_level(context.logger_config["log_level"]))
        handler = StderrHandler()
        handler.setFormatter(_DagsterFormatter(form, context.job_def))
        logger.addHandler(handler)
        return logger

    replace_console_logger(make_logger)


class _DagsterFormatter(LineFormatter):
    """Reads the run, the step and the error from the record, where Dagster puts them."""

    def __init__(self, form: LogFormat, job: dg.JobDefinition | None) -> None:
        super().__init__(form)
        self._job = job

    def context_of(self, record: logging.LogRecord) -> LogContext:
        meta = getattr(record, "dagster_meta", None)
        if meta is None:
            return super().context_of(record)
        step = meta["step_key"] or ""
        return LogContext(meta["run_id"] or "", self._assets_of(step), partition_of(meta["job_tags"]), step)

    def message_of(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", None)
        return meta["orig_message"] if meta else super().message_of(record)

    def exception_of(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", None)
        event = meta["dagster_event"] if meta else None
        error = getattr(event.event_specific_data, "error", None) if event else None
        return error.to_string() if error else super().exception_of(record)

    def _assets_of(self, step: str) -> str:
        return assets_of(self._job, step) if self._job and step else ""


def assets_of(job: dg.JobDefinition, step: str) -> str:
    """The assets that a step materialises, or whose checks it evaluates: comma-separated keys."""
    found = job.asset_layer.get_assets_def_for_node(NodeHandle.from_string(step))
    keys = (found.keys or {check.asset_key for check in found.check_keys}) if found else ()
    return ",".join(sorted(key.to_user_string() for key in keys))
