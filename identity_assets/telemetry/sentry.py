"""The one client of Sentry's SDK in this process: how it is set up, how long it is waited for, how it fails.

Silent without SENTRY_DSN. What is told of a run belongs in observability.py.
"""

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import dagster as dg
import sentry_sdk
from sentry_sdk.tracing import Span
from sentry_sdk.types import Event, Hint

from identity_assets import __version__
from identity_assets.settings import Settings

# A process waits so long in all for a Sentry that does not answer, and then no more.
SECONDS_TO_WAIT = 3.0

P = ParamSpec("P")

_log = logging.getLogger("identity_assets.telemetry.sentry")
_failed: set[str] = set()


def harmless(function: Callable[P, None]) -> Callable[P, None]:
    """Whatever goes wrong in it is one warning a process, and no run's failure."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            if function.__name__ not in _failed:
                _failed.add(function.__name__)
                _log.warning(
                    "Sentry is not told everything: %s raised %s", function.__name__, type(error).__name__
                )

    return guarded


@harmless
def start_sentry(settings: Settings) -> None:
    """Begin to tell Sentry, once a process; without a DSN nothing at all is done.

    None of the SDK's integrations is on. The logging one would make an event of each of Dagster's error records, the
    others take the arguments and variables of this process, in which secrets stand.
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
        shutdown_timeout=SECONDS_TO_WAIT,
        before_send=_without_key,
        before_send_transaction=_without_key,
    )


def _without_key(event: Event, _hint: Hint) -> Event:
    """Leave out what the SDK says for sampling on the server's side: the DSN's key is part of it."""
    event.get("contexts", {}).get("trace", {}).pop("dynamic_sampling_context", None)
    return event


class Patience:
    """How long this process still waits for Sentry: so many seconds, however many runs it makes."""

    def __init__(self, seconds: float) -> None:
        self._whole = self._left = seconds

    def flush(self) -> None:
        """Wait until everything is sent, or until the time is up."""
        if self._left <= 0:
            return
        began = time.monotonic()
        sentry_sdk.flush(timeout=self._left)
        self._left -= time.monotonic() - began
        if self._left <= 0:
            _log.warning("Sentry was waited for %g s in all, and is not waited for again", self._whole)


patience = Patience(SECONDS_TO_WAIT)


def capture(
    error: Exception, tags: Mapping[str, str], root: Span | None = None, trace: dict[str, Any] | None = None
) -> None:
    """One event: the exception with its own frames; of a `dg.Failure`, the one that it was raised from.

    It is part of the trace of `root`, an open span, or of the one that `trace` names.
    """
    with sentry_sdk.new_scope() as scope:
        scope.set_tags(tags)
        if root is not None:
            root.set_status("internal_error")
            scope.span = root
        elif trace is not None:
            scope.set_context("trace", trace)
        if isinstance(error, dg.Failure) and isinstance(error.__cause__, Exception):
            scope.set_context("failure", {"description": error.description})
            error = error.__cause__
        scope.capture_exception(error)
    if root is None:
        # Else it is sent with the run's transaction, in a moment.
        patience.flush()
