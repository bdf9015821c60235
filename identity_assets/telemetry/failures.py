"""Events in Sentry for runs that fail: exactly one event a run, whoever launched the run.

Sentry's SDK is imported when there is something to report. What is collected of a run is in run_trace.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar
from uuid import uuid4

import dagster as dg

from identity_assets.settings import SettingsError, settings
from identity_assets.telemetry.dagster_internals import add_hook, job_and_tags_of
from identity_assets.telemetry.dagster_logs import assets_of
from identity_assets.telemetry.guard import never_raises
from identity_assets.telemetry.logs import partition_of
from identity_assets.telemetry.run_trace import open_trace

AssetsOrChecks = TypeVar("AssetsOrChecks", bound=dg.AssetsDefinition)

_reported_runs: set[str] = set()


@dg.failure_hook(name="report_to_sentry")
def report_to_sentry(context: dg.HookContext) -> None:
    """Send one event for a run that fails: the exception of its first failed step."""
    error = context.op_exception
    if isinstance(error, Exception) and context.run_id not in _reported_runs:
        _reported_runs.add(context.run_id)
        _report_step(context, error)


@never_raises
def _report_step(context: dg.HookContext, error: Exception) -> None:
    job, run_tags = job_and_tags_of(context)
    tags = {
        "run_id": context.run_id,
        "asset": assets_of(job, context.step_key),
        "partition": partition_of(run_tags),
        "step": context.step_key,
    }
    _send(error, tags, context.run_id)


@never_raises
def _send(error: Exception, tags: Mapping[str, str], run_id: str | None = None) -> None:
    if settings().sentry_dsn is None:
        return
    from identity_assets.telemetry.sentry import TracePosition, send_error

    if run_id is None:
        send_error(error, tags)
    elif trace := open_trace(run_id):
        trace.mark_failed()
        send_error(error, tags, TracePosition(run_id, trace.root_span_id))
    else:
        # A run of checks only has no transaction. Any span id puts the event into the run's trace.
        send_error(error, tags, TracePosition(run_id, uuid4().hex[:16]))


@contextmanager
def failure_reported() -> Iterator[None]:
    """Send one event if the block raises, unless a run inside the block has sent one.

    An invalid setting is the operator's mistake, so it is not reported.
    """
    reported_before = len(_reported_runs)
    try:
        yield
    except SettingsError:
        raise
    except Exception as error:
        if len(_reported_runs) == reported_before:
            _send(error, {})
        raise


def report_failures_of(definitions: Sequence[AssetsOrChecks]) -> list[AssetsOrChecks]:
    """The same assets or checks with a hook that reports their failures in every job, also in a backfill's.

    Without a DSN there is no hook, because Dagster stores an event for each step whose hook it skips.
    """
    for definition in definitions if settings().sentry_dsn is not None else ():
        add_hook(definition, report_to_sentry)
    return list(definitions)
