"""Many batches in flight: halving a batch that fails, and knowing when LML is down.

One call and its retries belong in `client`; storing what came back belongs to the caller, whose thread
alone reads the batches and is handed the answers.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from identity_assets.lml.client import (
    LmlError,
    LmlMalformedAnswer,
    LmlRefused,
    LmlStopped,
    LmlUnauthorised,
    LmlUnreachable,
)
from identity_assets.lml.contract import Answer, LibraryInput, Verdict

Outcome = Literal["lml_error", "lml_cardinality_mismatch", "lml_invalid_verdict"]

FAILED_CALLS_IN_A_ROW: Final = 20
"""One bad input in a batch of 1,000 makes at most 11 calls fail in a row, so it cannot look like this."""
UNOPENED_BATCHES_IN_A_ROW: Final = 3
ATTEMPTS_OF_A_HALF: Final = 2

_NOT_FOUND: Final = frozenset({404, 405, 410})


class LmlDown(LmlError):
    """So many calls failed without a success between them that nothing more is asked."""


class Resolver(Protocol):
    """What `ask` needs of a client."""

    def resolve(
        self,
        inputs: Sequence[LibraryInput],
        *,
        include_tracks: bool = False,
        attempts: int | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Answer for these inputs, or raise an LmlError; see LmlClient.resolve."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input has no verdict. `detail` is one line."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one batch: each of its inputs is in `verdicts` or in `failures`, and in one only.

    A verdict that is set aside (`rejected_reason`) counts as a verdict: LML has answered.
    """

    verdicts: tuple[Verdict, ...]
    failures: Mapping[int, Failure]
    foreign: int
    duplicates: int


def ask(
    batches: Iterable[Sequence[LibraryInput]],
    client: Resolver,
    *,
    max_in_flight: int,
    include_tracks: bool = False,
) -> Generator[Asked, None, None]:
    """Ask about all batches, at most `max_in_flight` at a time; yields each as it is done, in any order.

    The calling thread alone reads `batches`, and only when there is room for one more. Raises
    LmlUnauthorised or LmlDown, or what `batches` raised, once all that was in flight has been yielded:
    a batch begun by then has its unanswered inputs as `lml_error`, a batch not begun is not spoken of.
    Closing the generator ends the retries and halving at once; a request on the wire runs out by itself.
    """
    desk = _Desk(client, include_tracks)
    executor = ThreadPoolExecutor(max_in_flight, thread_name_prefix="lml")
    waiting = iter(batches)
    in_flight: set[Future[Asked]] = set()
    done: set[Future[Asked]] = set()
    broken: Exception | None = None
    try:
        while True:
            # Room is filled before the caller is handed anything: LML works while the caller stores.
            try:
                while broken is None and len(in_flight) < max_in_flight and not desk.stop.is_set():
                    # What a worker logs is about what its caller was doing.
                    in_flight.add(executor.submit(copy_context().run, desk.ask_batch, next(waiting)))
            except StopIteration:
                pass
            except Exception as error:
                # What LML has answered by now is not thrown away with it.
                broken = error
            yield from (future.result() for future in done)
            if not in_flight:
                break
            done, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
        fatal = desk.fatal or desk.unreached_at_the_end()
        if fatal:
            raise fatal from broken
        if broken:
            raise broken
    finally:
        desk.stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Tally:
    """The account of one batch while it is worked on, by one thread."""

    verdicts: list[Verdict] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    foreign: int = 0
    duplicates: int = 0

    def take(self, part: Sequence[LibraryInput], answer: Answer) -> None:
        self.verdicts.extend(answer.verdicts)
        self.foreign += answer.foreign
        self.duplicates += answer.duplicates
        detail = f"LML answered {len(answer.verdicts)} of {len(part)} inputs of this batch, not this one"
        for library_id in answer.missing:
            self.failures[library_id] = Failure("lml_cardinality_mismatch", detail)

    def fail(self, part: Sequence[LibraryInput], outcome: Outcome, detail: str) -> None:
        failure = Failure(outcome, detail)
        self.failures.update((one.library_id, failure) for one in part)

    def close(self) -> Asked:
        return Asked(tuple(self.verdicts), self.failures, self.foreign, self.duplicates)


class _Desk:
    """What the workers share: the client, the breaker, and the event that ends all asking."""

    def __init__(self, client: Resolver, include_tracks: bool) -> None:
        self.stop = threading.Event()
        self.fatal: LmlError | None = None
        self._client = client
        self._include_tracks = include_tracks
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._unopened_in_a_row = 0
        self._last_error: LmlError | None = None

    def ask_batch(self, batch: Sequence[LibraryInput]) -> Asked:
        """Ask about one batch, in halves where that helps, until each input has its verdict or failure."""
        tally = _Tally()
        whole = tuple({one.library_id: one for one in batch}.values())
        parts = [whole] if whole else []
        while parts:
            part = parts.pop()
            if self.stop.is_set():
                tally.fail(part, "lml_error", self._why_stopped())
            else:
                parts.extend(self._ask_part(part, part is whole, tally))
        return tally.close()

    def _ask_part(
        self, part: tuple[LibraryInput, ...], is_whole: bool, tally: _Tally
    ) -> Sequence[tuple[LibraryInput, ...]]:
        """Ask about one part and enter what came; returns the parts still to ask about, last first."""
        attempts = None if is_whole else ATTEMPTS_OF_A_HALF
        try:
            answer = self._client.resolve(
                part, include_tracks=self._include_tracks, attempts=attempts, stop=self.stop
            )
        except LmlStopped:
            tally.fail(part, "lml_error", self._why_stopped())
        except LmlError as error:
            self._count_failure(error, is_whole)
            if len(part) > 1 and _is_cured_by_halving(error):
                middle = len(part) // 2
                return part[middle:], part[:middle]
            malformed = isinstance(error, LmlMalformedAnswer)
            tally.fail(part, "lml_invalid_verdict" if malformed else "lml_error", str(error))
        else:
            self._count_success()
            tally.take(part, answer)
        return ()

    def _count_success(self) -> None:
        with self._lock:
            self._failed_in_a_row = self._unopened_in_a_row = 0

    def _count_failure(self, error: LmlError, is_whole: bool) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            self._last_error = error
            if not _is_nobody_there(error):
                self._unopened_in_a_row = 0
            elif is_whole:
                self._unopened_in_a_row += 1
            fatal = self._verdict_on_lml(error)
            if fatal is not None and self.fatal is None:
                self.fatal = fatal
                self.stop.set()

    def unreached_at_the_end(self) -> LmlError | None:
        """LML is down too where there were too few batches to tell, but the last of them found nobody there."""
        if self._unopened_in_a_row and self._last_error is not None:
            return _down(
                f"the last {self._unopened_in_a_row} of the batches found nobody there", self._last_error
            )
        return None

    def _verdict_on_lml(self, error: LmlError) -> LmlError | None:
        if isinstance(error, LmlUnauthorised):
            return error
        if self._unopened_in_a_row >= UNOPENED_BATCHES_IN_A_ROW:
            return _down(f"{self._unopened_in_a_row} batches in a row found nobody there", error)
        if self._failed_in_a_row >= FAILED_CALLS_IN_A_ROW:
            return _down(f"{self._failed_in_a_row} calls in a row failed, after their retries", error)
        return None

    def _why_stopped(self) -> str:
        return f"not asked to the end: {self.fatal or 'asking was stopped'}"


def _down(what: str, last: LmlError) -> LmlDown:
    message = f"LML is down: {what}; the last: {last}. What was answered is kept, the rest stays due"
    return LmlDown(message, status=last.status, retryable=True, retry_after=last.retry_after)


def _is_nobody_there(error: LmlError) -> bool:
    """Whether nothing like LML answers at this address, so that neither halves nor other batches will do."""
    if isinstance(error, LmlRefused):
        status = error.status or 0
        return status < 400 or status in _NOT_FOUND
    return isinstance(error, LmlUnreachable)


def _is_cured_by_halving(error: LmlError) -> bool:
    return not isinstance(error, LmlUnauthorised) and not _is_nobody_there(error)
