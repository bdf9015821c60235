"""LML over HTTP: one call and its retries, every failure as a typed error.

What is in a body belongs in `contract`; batches, halving and threads belong in `asking`; how many calls may be
in flight is found by `limiter`.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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

from identity_assets.clean_text import one_line
from identity_assets.lml.address import normalise_base_url, request_headers, sendable_key
from identity_assets.lml.body import BodyBroken, BodyTooLarge, read_beginning, read_body
from identity_assets.lml.connections import Connections, proxy_variable
from identity_assets.lml.contract import Answer, LibraryInput, parse_answer
from identity_assets.lml.deadlines import Deadlines, Timed
from identity_assets.lml.errors import (
    LmlAnswerTooLarge,
    LmlError,
    LmlMalformedAnswer,
    LmlRefused,
    LmlStopped,
    LmlTimedOut,
    LmlUnauthorised,
    LmlUnavailable,
    LmlUnreachable,
)
from identity_assets.lml.limiter import Limiter
from identity_assets.lml.memory import give_back_large_blocks
from identity_assets.lml.request import request_body
from identity_assets.lml.retry_after import retry_after
from identity_assets.lml.stop import Stop
from identity_assets.settings import Bands, Settings, SettingsError

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
    "Stop",
    "client_of",
    "normalise_base_url",
]

LARGE_BODY: Final = 4 * 1024 * 1024
"""Of bodies larger than this only one is held in memory at a time."""
MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
_QUOTED_BYTES: Final = 4096

_log = logging.getLogger("identity_assets.lml")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as it went; `status` is None where no response came."""

    batch_size: int
    seconds: float
    status: int | None
    cache_stats: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Question:
    """One call as it is put, also when it is put again."""

    body: bytes
    asked: tuple[int, ...]
    include_tracks: bool
    request_id: str
    stop: Stop

    @property
    def size(self) -> int:
        return len(self.asked)


def client_of(
    settings: Settings, on_call: Callable[[Call], None] | None = None, run_id: str | None = None
) -> LmlClient:
    """A client of the LML that the settings name, for one run.

    Raises:
        SettingsError: the settings name no LML, or a proxy or certificates that cannot be used.
    """
    url = settings.require_library_metadata_url()
    try:
        return LmlClient(
            url,
            settings.lml_api_key,
            timeout=settings.lml_timeout_seconds,
            wait_initial=settings.lml_retry_wait_seconds,
            max_in_flight=settings.lml_max_in_flight,
            max_response_bytes=settings.lml_max_response_bytes,
            ca_bundle=settings.lml_ca_bundle,
            on_call=on_call,
            run_id=run_id,
            reject_out_of_band=settings.confidence_bands is Bands.reject,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


class LmlClient:
    """LML's bulk endpoint. Thread-safe; a context manager that closes its connections.

    `timeout` is the time in seconds from the connect to the last byte of one call; `max_response_bytes` bounds the
    body, decoded. A call is put at most `attempts` times, with waits that grow from `wait_initial` to `wait_max`
    seconds, and up to `wait_initial` more by chance. `on_call` is called with each HTTP request; what it raises is
    logged and dropped. `run_id` begins the header X-Request-ID. `reject_out_of_band` is `parse_answer`'s. Raises
    ValueError for a URL, a key, a proxy or a `ca_bundle` that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        max_in_flight: int = 8,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        attempts: int = 4,
        wait_initial: float = 0.5,
        wait_max: float = 10.0,
        ca_bundle: str | None = None,
        on_call: Callable[[Call], None] | None = None,
        run_id: str | None = None,
        reject_out_of_band: bool = True,
    ) -> None:
        self.url = normalise_base_url(base_url)
        self.on_call = on_call
        self.limiter = Limiter(max_in_flight)
        self._run_id = run_id or str(uuid.uuid4())
        self._reject_out_of_band = reject_out_of_band
        self._api_key = sendable_key(api_key)
        self._timeout = timeout
        self._max_response_bytes = max_response_bytes
        self._attempts = attempts
        self._backoff = wait_exponential(multiplier=wait_initial, max=wait_max) + wait_random(0, wait_initial)
        self._lock = threading.Lock()
        self._large_body = threading.Lock()
        give_back_large_blocks()
        self._parsing = threading.Lock()
        self._calls = 0
        self._latency_ms = 0.0
        self._deadlines = Deadlines()
        self._connections = Connections(request_headers(self._api_key), timeout, ca_bundle)

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
        self._connections.close()

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
        stop: Stop | None = None,
        batch_number: int = 0,
        on_failure: Callable[[LmlError], None] | None = None,
    ) -> Answer:
        """Ask LML about 1 to 1,000 inputs, again where that may help.

        Raises the last LmlError. A timeout is not repeated for more than one input. `on_failure` is called after
        each attempt that failed. Once `stop` says so no further request is made, a wait ends at once, and LmlStopped
        is raised.
        """
        question = _Question(
            request_body(inputs, include_tracks=include_tracks),
            tuple(one.library_id for one in inputs),
            include_tracks,
            f"{self._run_id}-{batch_number}",
            stop or Stop(),
        )

        def ask() -> Answer:
            try:
                return self._ask_once(question)
            except LmlError as error:
                if on_failure and not isinstance(error, LmlStopped):
                    on_failure(error)
                raise

        retrying = Retrying(
            stop=stop_after_attempt(attempts or self._attempts),
            wait=self._wait,
            sleep=sleep_using_event(question.stop.after_calls),
            retry=retry_if_exception(lambda error: _may_repeat(error, question.size)),
            before_sleep=lambda state: _report(state, question.size),
            reraise=True,
        )
        return retrying(ask)

    def _ask_once(self, question: _Question) -> Answer:
        """Put one HTTP request when the limiter lets it, and tell the limiter how it went."""
        ticket = self.limiter.enter(question.stop.after_calls, question.include_tracks)
        if ticket is None:
            raise LmlStopped("asking was stopped before LML answered")
        answered = 0
        status: int | None = None
        slow = False
        try:
            answer = self._exchange(question)
            answered = question.size
        except LmlError as error:
            status, slow = error.status, isinstance(error, LmlTimedOut)
            if error.retry_after:
                self.limiter.hold(error.retry_after)
            raise
        finally:
            self.limiter.leave(ticket, answered=answered, status=status, slow=slow)
        return answer

    def _exchange(self, question: _Question) -> Answer:
        started = time.perf_counter()
        status: int | None = None
        stats: Mapping[str, float] = {}
        timed = Timed(time.monotonic() + self._timeout, question.stop.at_once)
        try:
            with ExitStack() as held:
                response = held.enter_context(self._response(question, timed))
                status = response.status_code
                answer = self._answer(response, question, timed, held)
                stats = answer.cache_stats
        except LmlError:
            raise
        except Exception as error:
            raise self._failure(error, question, timed) from error
        finally:
            self._record(Call(question.size, time.perf_counter() - started, status, stats))
        return answer

    @contextmanager
    def _response(self, question: _Question, timed: Timed) -> Iterator[httpx.Response]:
        """The response to one request, its body not yet read."""
        with self._connections.line() as line:
            timed.connection = line.connection
            try:
                with (
                    self._deadlines.watch(timed),
                    line.http.stream(
                        "POST",
                        self.url,
                        content=question.body,
                        headers={"X-Request-ID": question.request_id},
                        extensions={"trace": timed.trace},
                    ) as response,
                ):
                    yield response
            finally:
                line.connection = timed.connection

    def _answer(self, response: httpx.Response, question: _Question, timed: Timed, held: ExitStack) -> Answer:
        status = response.status_code
        if response.is_success:
            parsed = self._parsed(self._whole_body(response, timed, held), question)
            if isinstance(parsed, str):
                raise LmlMalformedAnswer(parsed)
            return parsed
        if status in (401, 403):
            sent = "the key that was sent" if self._api_key else "a call without a key"
            raise LmlUnauthorised(f"LML answered {status} to {sent}: check LML_API_KEY", status=status)
        text = self._quoted(read_beginning(response, _QUOTED_BYTES))
        if status >= 500 or status in (408, 429):
            after = retry_after(response.headers.get("retry-after"))
            message = f"LML answered {status}: {text}"
            raise LmlUnavailable(message, status=status, retryable=True, retry_after=after)
        raise LmlRefused(f"LML refused {question.size} inputs with {status}: {text}", status=status)

    def _parsed(self, body: bytes, question: _Question) -> Answer | str:
        """The answer, or why it is malformed: an exception from here would keep the body for as long as it lives."""
        try:
            with self._parsing:
                return parse_answer(
                    body,
                    question.asked,
                    include_tracks=question.include_tracks,
                    reject_out_of_band=self._reject_out_of_band,
                    secret=self._api_key,
                )
        except LmlMalformedAnswer as error:
            return self._quoted(str(error))

    def _whole_body(self, response: httpx.Response, timed: Timed, held: ExitStack) -> bytes:
        """The body, decoded. `held` keeps other large bodies away until this one is parsed."""
        is_large = False

        def on_size(size: int) -> None:
            nonlocal is_large
            if size > LARGE_BODY and not is_large:
                is_large = self._large_body.acquire(timeout=max(timed.deadline - time.monotonic(), 0))
                if not is_large:
                    raise TimeoutError
                held.callback(self._large_body.release)

        try:
            body = read_body(response, self._max_response_bytes, on_size)
        except BodyTooLarge:
            message = f"LML's answer is larger than LML_MAX_RESPONSE_BYTES, {self._max_response_bytes} bytes"
            raise LmlAnswerTooLarge(message, status=response.status_code) from None
        except BodyBroken as error:
            raise LmlMalformedAnswer(self._quoted(f"LML's answer cannot be decoded: {error}")) from None
        if timed.ended:
            # Where the end of the connection is the end of the body, hanging up looks like a whole body.
            raise TimeoutError
        return body

    def _failure(self, error: Exception, question: _Question, timed: Timed) -> LmlError:
        """Any exception of the call as an LmlError."""
        if timed.ended == "stopped":
            return LmlStopped("asking was stopped before LML answered")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            proxy = proxy_variable(self.url)
            through = "" if proxy is None else f" through the proxy that {proxy} names"
            message = f"no connection to {self.url}{through}: {error or type(error).__name__}"
            return LmlUnreachable(self._quoted(message), retryable=True)
        if timed.ended or isinstance(error, httpx.TimeoutException | TimeoutError):
            message = f"LML did not answer {question.size} inputs within {self._timeout:g} s"
            return LmlTimedOut(message, retryable=True)
        message = f"the call to LML broke off: {type(error).__name__}: {error}"
        return LmlUnavailable(self._quoted(message), retryable=True)

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

    def _quoted(self, text: str) -> str:
        # LML, or a proxy before it, may echo the request.
        if self._api_key:
            text = text.replace(self._api_key, "***")
        return one_line(text) or "no text"


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
