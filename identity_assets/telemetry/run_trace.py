"""What Sentry is told: one trace a run, one event for a run that fails.

What the spans and attributes mean is said in README.md, in one table. How Sentry is reached belongs in sentry.py,
what is logged in logs.py.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import dagster as dg
import sentry_sdk
from sentry_sdk.tracing import NoOpSpan, Span

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.accounts import Accounts, read_accounts
from identity_assets.lml.client import Call
from identity_assets.partition_keys import Buckets
from identity_assets.settings import SettingsError, settings
from identity_assets.telemetry.dagster_internals import add_hook, job_and_tags_of
from identity_assets.telemetry.dagster_logs import assets_of
from identity_assets.telemetry.logs import Place, lines_about, partition_of
from identity_assets.telemetry.sentry import capture, harmless, patience

NAME = "library-identity-consumer"
CALL = "lml.bulk_resolve_libraries"
FIGURES = ("scope", "source_rows_skipped_null_confidence", "lml_total_calls", "lml_total_latency_ms")
Definition = TypeVar("Definition", bound=dg.AssetsDefinition)

_open: dict[str, Span] = {}
_reported: set[str] = set()


class RunTrace:
    """The one transaction of a run. Its figures are those of `run --json`; before anything is known, they are 0."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._worked = False
        self._root: Span = NoOpSpan()
        self._accounts = Accounts()
        self._figures: dict[str, Any] = {"run_id": run_id, **dict.fromkeys(FIGURES[1:], 0)}
        self._begin()

    @harmless
    def _begin(self) -> None:
        self._root = sentry_sdk.start_transaction(
            name=f"{NAME}.run", op="task", trace_id=trace_id_of(self._run_id)
        )
        self._root.set_status("ok")
        _open[self._run_id] = self._root

    @contextmanager
    def step(self, context: dg.AssetExecutionContext, name: str) -> Iterator[None]:
        """A span over the work of a step; what is logged within it is known to be about that step."""
        self._worked = True
        began, status = time.time(), "ok"
        try:
            with lines_about(_place_of(context)):
                yield
        except BaseException as error:
            status = "internal_error" if isinstance(error, Exception) else "cancelled"
            self._root.set_status(status)
            raise
        finally:
            self._add_span(f"{NAME}.{name}", "db", began, time.time(), status)

    @harmless
    def on_call(self, call: Call) -> None:
        """A span for an HTTP call that has just ended, on whatever thread."""
        ended = time.time()
        data: dict[str, Any] = {"lml.batch_size": call.batch_size}
        if call.status is not None:
            data["http.response.status_code"] = call.status
        data |= {f"lml.cache.{name}": value for name, value in call.cache_stats.items()}
        status = "ok" if call.status == 200 else "internal_error"
        self._add_span(CALL, "http.client", ended - call.seconds, ended, status, data)

    @harmless
    def record(self, accounts: Accounts, figures: Mapping[str, object]) -> None:
        """The accounts as they stand now, and of the figures those that the transaction carries."""
        self._accounts = accounts
        self._figures |= {name: figures[name] for name in FIGURES if name in figures}

    @harmless
    def record_from_ledger(self, database: Database, buckets: Buckets, figures: Mapping[str, object]) -> None:
        """The same, for a step that is about to fail: the accounts are read off the ledger."""
        self.record(sum(read_accounts(database, buckets, self._run_id).values(), Accounts()), figures)

    @harmless
    def _add_span(
        self,
        name: str,
        op: str,
        began: float,
        ended: float,
        status: str,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        span = self._root.start_child(op=op, name=name, start_timestamp=datetime.fromtimestamp(began, UTC))
        span.update_data(dict(data or {}))
        span.set_status(status)
        span.finish(end_timestamp=datetime.fromtimestamp(ended, UTC))

    @harmless
    def finish(self) -> None:
        """Send the transaction, and wait a moment until it is gone; none where no step worked in this process."""
        _open.pop(self._run_id, None)
        if not self._worked:
            return
        accounts = {
            "scanned": self._accounts.scanned,
            "rows_resolved": self._accounts.resolved,
            "rows_resolved_compilation": self._accounts.resolved_compilation,
            "rows_unresolved": self._accounts.unresolved,
            **{f"rows_skipped.{reason}": rows for reason, rows in self._accounts.skipped.items()},
        }
        for name, value in {**self._figures, **accounts}.items():
            self._root.set_data(f"consumer.{name}", value)
        self._root.finish()
        patience.flush()


def trace_id_of(run_id: str) -> str:
    """All steps of a run, its retries and other processes share this trace, which a search by run id finds."""
    return run_id.replace("-", "")


def _place_of(context: dg.AssetExecutionContext) -> Place:
    assets = ",".join(sorted(key.to_user_string() for key in context.selected_asset_keys))
    step = str(context.op_execution_context.op_handle)
    return Place(context.run.run_id, assets, partition_of(context.run.tags), step)


@dg.resource(
    description="The run's trace in Sentry. It begins with the run's first step and ends after its last."
)
def run_trace(context: dg.InitResourceContext) -> Iterator[RunTrace]:
    """One transaction for as long as the run works in this process, whatever becomes of it."""
    trace = RunTrace(context.run.run_id if context.run else "")
    try:
        yield trace
    finally:
        trace.finish()


@dg.failure_hook(name="tell_sentry")
def tell_sentry(context: dg.HookContext) -> None:
    """One event for a run that fails: what its first failed step raised."""
    error = context.op_exception
    if isinstance(error, Exception) and context.run_id not in _reported:
        _reported.add(context.run_id)
        _report_step(context, error)


@harmless
def _report_step(context: dg.HookContext, error: Exception) -> None:
    job, run_tags = job_and_tags_of(context)
    tags = {
        "run_id": context.run_id,
        "asset": assets_of(job, context.step_key),
        "partition": partition_of(run_tags),
        "step": context.step_key,
    }
    trace = {"trace_id": trace_id_of(context.run_id), "span_id": trace_id_of(context.run_id)[:16]}
    capture(error, tags, _open.get(context.run_id), trace)


@contextmanager
def failure_reported() -> Iterator[None]:
    """One event where what is done within raises, unless a run within has made one already.

    A setting that is not valid is the operator's, and no event.
    """
    before = len(_reported)
    try:
        yield
    except SettingsError:
        raise
    except Exception as error:
        if len(_reported) == before:
            harmless(capture)(error, {})
        raise


def reporting(definitions: Sequence[Definition]) -> list[Definition]:
    """The same assets or checks, whose failures Sentry is told of in every job, that of a backfill included.

    Without a DSN there is no hook: each of its steps would say in the run's events that it was skipped.
    """
    for one in definitions if settings().sentry_dsn is not None else ():
        add_hook(one, tell_sentry)
    return list(definitions)
