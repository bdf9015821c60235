"""LML over HTTP: one call and its retries, every failure as a typed error.

What is in a body belongs in `contract`; batches, halving and threads belong in `asking`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Final, Self

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from identity_assets.lml.contract import (
    Answer,
    LibraryInput,
    LmlError,
    LmlMalformedAnswer,
    parse_answer,
    request_body,
)
from identity_assets.settings import Bands, Settings

__all__ = [
    "Call",
    "LmlClient",
    "LmlError",
    "LmlMalformedAnswer",
    "LmlRefused",
    "LmlStopped",
    "LmlTimedOut",
    "LmlUnauthorised",
    "LmlUnavailable",
    "LmlUnreachable",
    "client_of",
    "normalise_base_url",
]

ENDPOINT: Final = "/api/v1/identity/bulk-resolve-libraries"
MAX_RETRY_AFTER: Final = 60.0
MAX_CONNECT_SECONDS: Final = 5.0

_log = logging.getLogger("identity_assets.lml")


class LmlUnauthorised(LmlError):
    """401 or 403: the key is wrong or missing. No other input would fare better."""


class LmlRefused(LmlError):
    """A 3xx, or a 4xx that asking again will not cure."""


class LmlUnavailable(LmlError):
    """5xx, 429, 408, a timeout or a broken connection: the same call may do better later."""


class LmlUnreachable(LmlUnavailable):
    """No connection could be opened."""


class LmlTimedOut(LmlUnavailable):
    """The connection stood and no answer came in time: asking for less is the cure."""


class LmlStopped(LmlError):
    """The caller's stop event was set before an answer came."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as it went; `status` is None where no response came."""

    batch_size: int
    seconds: float
    status: int | None
    cache_stats: Mapping[str, float] = field(default_factory=dict)


def client_of(settings: Settings, on_call: Callable[[Call], None] | None = None) -> LmlClient:
    """A client of the LML that the settings name.

    Raises:
        SettingsError: they name none.
    """
    return LmlClient(
        settings.require_library_metadata_url(),
        settings.lml_api_key,
        timeout=settings.lml_timeout_seconds,
        wait_initial=settings.lml_retry_wait_seconds,
        max_connections=settings.lml_max_in_flight,
        on_call=on_call,
        reject_out_of_band=settings.confidence_bands is Bands.reject,
    )


def normalise_base_url(url: str) -> str:
    """The endpoint's URL for any of the four forms of LIBRARY_METADATA_URL (DOMAIN.md, the contract).

    Raises ValueError for what is no plain http(s) URL. A URL with a user name, a password or a query
    is refused without being repeated, since these hold secrets.
    """
    text = url.strip()
    try:
        parsed = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("LIBRARY_METADATA_URL takes an http or https URL") from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("LIBRARY_METADATA_URL takes no user name, password, query or fragment")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"LIBRARY_METADATA_URL takes an http or https URL, got {text!r}")
    return text.rstrip("/").removesuffix("/api/v1").rstrip("/") + ENDPOINT


class LmlClient:
    """LML's bulk endpoint. Thread-safe; a context manager that closes its connections.

    `timeout` is in seconds and holds for each wait on the socket; a call is put at most `attempts` times,
    with waits that grow from `wait_initial` to `wait_max` seconds, and up to `wait_initial` more by chance.
    `on_call` is told of each HTTP request; what it raises is logged and dropped. `reject_out_of_band` is
    `parse_answer`'s. Raises ValueError for a URL or a key that cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        max_connections: int = 4,
        attempts: int = 4,
        wait_initial: float = 0.5,
        wait_max: float = 10.0,
        on_call: Callable[[Call], None] | None = None,
        reject_out_of_band: bool = True,
    ) -> None:
        self.url = normalise_base_url(base_url)
        self.on_call = on_call
        self._reject_out_of_band = reject_out_of_band
        self._api_key = _sendable_key(api_key)
        self._timeout = timeout
        self._attempts = attempts
        self._backoff = wait_exponential(multiplier=wait_initial, max=wait_max) + wait_random(0, wait_initial)
        self._lock = threading.Lock()
        self._calls = 0
        self._latency_ms = 0.0
        self._http = httpx.Client(
            headers=_headers(self._api_key),
            # A caller with more threads than connections waits its turn; that is no failure of LML's.
            timeout=httpx.Timeout(timeout, connect=min(timeout, MAX_CONNECT_SECONDS), pool=None),
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"LmlClient({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client is of no use after."""
        self._http.close()

    @property
    def calls(self) -> int:
        """HTTP requests made so far, retries among them."""
        with self._lock:
            return self._calls

    @property
    def latency_ms(self) -> float:
        """Milliseconds spent in these requests, summed over all threads."""
        with self._lock:
            return self._latency_ms

    def resolve(
        self,
        inputs: Sequence[LibraryInput],
        *,
        include_tracks: bool = False,
        attempts: int | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Ask LML about 1 to 1,000 inputs, again where that may help.

        Raises the last LmlError. A timeout is not repeated for more than one input. Once `stop` is set no
        further request is made, a wait ends at once, and LmlStopped is raised.
        """
        halt = stop or threading.Event()
        body = request_body(inputs, include_tracks=include_tracks)
        asked = [one.library_id for one in inputs]
        retrying = Retrying(
            stop=stop_after_attempt(attempts or self._attempts),
            wait=self._wait,
            sleep=sleep_using_event(halt),
            retry=retry_if_exception(lambda error: _may_repeat(error, len(asked))),
            before_sleep=lambda state: _report(state, len(asked)),
            reraise=True,
        )
        return retrying(self._ask_once, body, asked, halt)

    def _ask_once(self, body: bytes, asked: Sequence[int], halt: threading.Event) -> Answer:
        if halt.is_set():
            raise LmlStopped("asking was stopped before LML answered")
        started = time.perf_counter()
        status: int | None = None
        answer: Answer | None = None
        try:
            response = self._post(body, len(asked))
            status = response.status_code
            answer = self._answer(response, asked)
        finally:
            stats = answer.cache_stats if answer else {}
            self._record(Call(len(asked), time.perf_counter() - started, status, stats))
        return answer

    def _post(self, body: bytes, size: int) -> httpx.Response:
        try:
            return self._http.post(self.url, content=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            message = self._one_line(f"no connection to {self.url}: {error or type(error).__name__}")
            raise LmlUnreachable(message, retryable=True) from None
        except httpx.TimeoutException:
            message = f"LML did not answer {size} inputs within {self._timeout:g} s"
            raise LmlTimedOut(message, retryable=True) from None
        except httpx.DecodingError as error:
            raise LmlMalformedAnswer(self._one_line(f"LML's answer cannot be decoded: {error}")) from None
        except httpx.HTTPError as error:
            message = self._one_line(f"the call to LML broke off: {type(error).__name__}: {error}")
            raise LmlUnavailable(message, retryable=True) from None

    def _answer(self, response: httpx.Response, asked: Sequence[int]) -> Answer:
        status = response.status_code
        if response.is_success:
            return parse_answer(response.content, asked, reject_out_of_band=self._reject_out_of_band)
        if status in (401, 403):
            sent = "the key that was sent" if self._api_key else "a call without a key"
            raise LmlUnauthorised(f"LML answered {status} to {sent}: check LML_API_KEY", status=status)
        said = self._one_line(response.text)
        if status >= 500 or status in (408, 429):
            after = _retry_after(response.headers.get("retry-after"))
            message = f"LML answered {status}: {said}"
            raise LmlUnavailable(message, status=status, retryable=True, retry_after=after)
        raise LmlRefused(f"LML refused {len(asked)} inputs with {status}: {said}", status=status)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after if isinstance(error, LmlError) else None
        return max(self._backoff(state), asked_for or 0.0)

    def _record(self, call: Call) -> None:
        with self._lock:
            self._calls += 1
            self._latency_ms += call.seconds * 1000
        if self.on_call is None:
            return
        try:
            self.on_call(call)
        except Exception as error:
            _log.warning("the hook on_call raised %s", type(error).__name__)

    def _one_line(self, text: str) -> str:
        # LML, or a proxy before it, may echo the request.
        if self._api_key:
            text = text.replace(self._api_key, "***")
        return " ".join(text.split())[:200] or "no text"


def _sendable_key(api_key: str | None) -> str | None:
    api_key = (api_key or "").strip()
    if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        # Said here, because the HTTP library's own complaint would quote the key.
        raise ValueError("LML_API_KEY takes printable ASCII characters without spaces")
    return api_key or None


def _headers(api_key: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": _user_agent()}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def _user_agent() -> str:
    try:
        return f"identity-assets/{version('identity-assets')}"
    except PackageNotFoundError:
        return "identity-assets/0"


def _may_repeat(error: BaseException, size: int) -> bool:
    if isinstance(error, LmlTimedOut):
        return size == 1
    return isinstance(error, LmlError) and error.retryable


def _report(state: RetryCallState, size: int) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    _log.warning(
        "attempt %d with %d inputs failed: %s; again in %.1f s", state.attempt_number, size, error, pause
    )


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait by a `Retry-After` in seconds or as an HTTP date, 0 to 60; None for anything else."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _seconds_until(http_date: str) -> float:
    try:
        moment = parsedate_to_datetime(http_date)
    except ValueError:
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
