"""What a run collects for Sentry: one trace a run, with a span for each step and each call to LML.

docs/traces.md explains the spans and attributes in one table. How they are sent is in sentry.py, the events of failed
runs are in failures.py, log lines in logs.py.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import dagster as dg

from identity_assets.settings import settings
from identity_assets.telemetry.dagster_internals import hold_storage_connections
from identity_assets.telemetry.guard import never_raises
from identity_assets.telemetry.logs import LogContext, log_context, partition_of

if TYPE_CHECKING:
    from identity_assets.backend.ledger.accounts import Accounts
    from identity_assets.lml.client import Call
    from identity_assets.telemetry.sentry import SentrySpan

NAME = "library-identity-consumer"
LML_CALL = "lml.bulk_resolve_libraries"
COUNTERS = (
    "source_rows_skipped_null_confidence",
    "lml_total_calls",
    "lml_total_latency_ms",
    "track_rows_written",
    "track_rows_unchanged",
    "track_rows_librarian",
    "track_rows_no_credit",
    "track_rows_no_catalogue_artist",
    "track_rows_ambiguous_artist",
    "track_rows_invalid",
    "positions_written",
    "positions_ambiguous",
)
FIGURES = ("scope", *COUNTERS)
ZEROS = (*COUNTERS, "scanned", "rows_resolved", "rows_resolved_compilation", "rows_unresolved")

_open_traces: dict[str, "RunTrace"] = {}


class RunTrace:
    """Collects the spans and figures of one run and sends them when the run ends.

    The figures have the values of `run --json`. They are 0 until a step records them.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        # Random, because every process of a run sends a transaction of its own.
        self.root_span_id = uuid4().hex[:16]
        self._started_at = datetime.now(UTC)
        self._status = "ok"
        self._has_steps = False
        self._spans: list[SentrySpan] = []
        self._figures: dict[str, object] = {"run_id": run_id, **dict.fromkeys(ZEROS, 0)}
        _open_traces[run_id] = self

    @contextmanager
    def step(self, context: dg.AssetExecutionContext, name: str) -> Iterator[None]:
        """Add a span for the work of a step. Everything that is logged inside carries the step's names."""
        self._has_steps = True
        started_at = datetime.now(UTC)
        status = "ok"
        try:
            with log_context(_log_context_of(context)):
                yield
        except BaseException as error:
            self._status = status = "internal_error" if isinstance(error, Exception) else "cancelled"
            raise
        finally:
            self._add_span(f"{NAME}.{name}", "db", started_at, status)

    @never_raises
    def on_call(self, call: "Call") -> None:
        """Add a span for an HTTP call that has just ended. Any thread may call this."""
        data: dict[str, object] = {"lml.batch_size": call.batch_size}
        if call.status is not None:
            data["http.response.status_code"] = call.status
        data |= {f"lml.cache.{name}": value for name, value in call.cache_stats.items()}
        status = "ok" if call.status == 200 else "internal_error"
        started_at = datetime.now(UTC) - timedelta(seconds=call.seconds)
        self._add_span(LML_CALL, "http.client", started_at, status, data)

    @never_raises
    def record(self, accounts: "Accounts", figures: Mapping[str, object]) -> None:
        """Keep the present accounts, and the figures that belong in the trace."""
        self._figures |= {name: figures[name] for name in FIGURES if name in figures}
        self._figures |= {
            "scanned": accounts.scanned,
            "rows_resolved": accounts.resolved,
            "rows_resolved_compilation": accounts.resolved_compilation,
            "rows_unresolved": accounts.unresolved,
        }
        skipped = {f"rows_skipped.{reason}": rows for reason, rows in accounts.skipped.items()}
        kept = {name: value for name, value in self._figures.items() if not name.startswith("rows_skipped.")}
        self._figures = kept | skipped

    @never_raises
    def _add_span(
        self,
        name: str,
        op: str,
        started_at: datetime,
        status: str,
        data: Mapping[str, object] | None = None,
    ) -> None:
        if settings().sentry_dsn is None:
            return
        from identity_assets.telemetry.sentry import SentrySpan

        self._spans.append(SentrySpan(name, op, started_at, datetime.now(UTC), status, data or {}))

    def mark_failed(self) -> None:
        """Give the run the status of a failed run."""
        self._status = "internal_error"

    @never_raises
    def finish(self) -> None:
        """Send the trace. Nothing is sent without a DSN, or if no step of an asset ran in this process."""
        _open_traces.pop(self._run_id, None)
        if settings().sentry_dsn is None or not self._has_steps:
            return
        from identity_assets.telemetry.sentry import SentryTransaction, send_transaction

        send_transaction(
            SentryTransaction(
                name=f"{NAME}.run",
                run_id=self._run_id,
                root_span_id=self.root_span_id,
                started_at=self._started_at,
                status=self._status,
                data={f"consumer.{name}": value for name, value in self._figures.items()},
                spans=tuple(self._spans),
            )
        )


def open_trace(run_id: str) -> RunTrace | None:
    """The trace of a run that works in this process now."""
    return _open_traces.get(run_id)


def _log_context_of(context: dg.AssetExecutionContext) -> LogContext:
    assets = ",".join(sorted(key.to_user_string() for key in context.selected_asset_keys))
    step = str(context.op_execution_context.op_handle)
    return LogContext(context.run.run_id, assets, partition_of(context.run.tags), step)


@dg.resource(
    description="The run's trace in Sentry. It starts with the run's first step and ends after its last."
)
def run_trace(context: dg.InitResourceContext) -> Iterator[RunTrace]:
    """Open the run's trace while the run works in this process, and send it however the run ends.

    This is the first code of ours that a run reaches, so it also sets up the connections to Dagster's storage.
    """
    if context.instance is not None:
        hold_storage_connections(context.instance)
    trace = RunTrace(context.run.run_id if context.run else "")
    try:
        yield trace
    finally:
        trace.finish()
