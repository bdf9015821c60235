"""The only module that calls Sentry's SDK: how it is set up, what is sent, how long a process waits for it.

Without SENTRY_DSN nothing here does anything. What is collected about a run is in run_trace.py, which run counts as
failed in failures.py.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg
import sentry_sdk
from sentry_sdk.types import Event, Hint

from identity_assets import __version__
from identity_assets.settings import Settings
from identity_assets.telemetry.guard import never_raises

# The longest total time that one process waits for a Sentry that does not answer.
FLUSH_SECONDS = 3.0

_log = logging.getLogger("identity_assets.telemetry.sentry")


@dataclass(frozen=True)
class SentrySpan:
    """One piece of work inside a run: what it was, when it ran, how it ended."""

    name: str
    op: str
    started_at: datetime
    ended_at: datetime
    status: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SentryTransaction:
    """Everything that Sentry shows of one run in one process. The run's id is also the id of the trace."""

    name: str
    run_id: str
    root_span_id: str
    started_at: datetime
    status: str
    data: Mapping[str, object]
    spans: tuple[SentrySpan, ...]


@never_raises
def start_sentry(settings: Settings) -> None:
    """Set up the SDK once a process. Does nothing without a DSN.

    Every integration of the SDK is off. The logging integration would turn each of Dagster's error records into an
    event; the others send the arguments and variables of this process, which contain secrets.
    """
    if settings.sentry_dsn is None or sentry_sdk.is_initialized():
        return
    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        traces_sample_rate=settings.sentry_traces_sample_rate,
        environment=settings.sentry_environment,
        release=f"identity-assets@{__version__}",
        default_integrations=False,
        auto_enabling_integrations=False,
        enable_backpressure_handling=False,
        include_local_variables=False,
        in_app_include=["identity_assets"],
        server_name="",
        spotlight=False,
        shutdown_timeout=FLUSH_SECONDS,
        before_send=_without_dsn_key,
        before_send_transaction=_without_dsn_key,
    )


def _without_dsn_key(event: Event, _hint: Hint) -> Event:
    """Remove the context that the SDK adds for sampling on the server: it contains the DSN's key."""
    event.get("contexts", {}).get("trace", {}).pop("dynamic_sampling_context", None)
    return event


class FlushTimeout:
    """The time that this process may still wait for Sentry, over all its runs."""

    def __init__(self, seconds: float) -> None:
        self._total = self._left = seconds

    def flush(self) -> None:
        """Wait until everything is sent or the time is used up."""
        if self._left <= 0:
            return
        started = time.monotonic()
        sentry_sdk.flush(timeout=self._left)
        self._left -= time.monotonic() - started
        if self._left <= 0:
            _log.warning(
                "Sentry took more than %g s in all; this process no longer waits for it", self._total
            )


flush_timeout = FlushTimeout(FLUSH_SECONDS)


def send_transaction(transaction: SentryTransaction) -> None:
    """Send one run as one transaction with its spans, and wait for it as long as the process still may."""
    root = sentry_sdk.start_transaction(
        name=transaction.name,
        op="task",
        trace_id=trace_id_of(transaction.run_id),
        span_id=transaction.root_span_id,
        start_timestamp=transaction.started_at,
    )
    for span in transaction.spans:
        child = root.start_child(op=span.op, name=span.name, start_timestamp=span.started_at)
        child.update_data(dict(span.data))
        child.set_status(span.status)
        child.finish(end_timestamp=span.ended_at)
    for name, value in transaction.data.items():
        root.set_data(name, value)
    root.set_status(transaction.status)
    root.finish()
    flush_timeout.flush()


@dataclass(frozen=True)
class TracePosition:
    """Where an event belongs: a run, whose trace it appears in, and a span of that trace."""

    run_id: str
    span_id: str


def send_error(error: Exception, tags: Mapping[str, str], position: TracePosition | None = None) -> None:
    """Send one event for the exception, with its own frames and, if `position` is given, in a run's trace.

    A `dg.Failure` only carries a sentence, so the exception that caused it is sent instead.
    """
    with sentry_sdk.new_scope() as scope:
        scope.set_tags(tags)
        if position is not None:
            trace = {"trace_id": trace_id_of(position.run_id), "span_id": position.span_id}
            scope.set_context("trace", trace)
        if isinstance(error, dg.Failure) and isinstance(error.__cause__, Exception):
            scope.set_context("failure", {"description": error.description})
            error = error.__cause__
        scope.capture_exception(error)
    flush_timeout.flush()


def trace_id_of(run_id: str) -> str:
    """The id of the run's trace: a search for the run id finds it, and a retry in another process shares it."""
    return run_id.replace("-", "")
