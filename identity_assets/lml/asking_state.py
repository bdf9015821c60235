"""What the threads that ask share: halving a batch that fails, and knowing when LML is down or the time is over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from identity_assets.lml.contract import Answer, Batch, LibraryInput, Verdict
from identity_assets.lml.errors import (
    LmlDown,
    LmlError,
    LmlMalformedAnswer,
    LmlRefused,
    LmlStopped,
    LmlUnauthorised,
    LmlUnavailable,
    LmlUnreachable,
)
from identity_assets.lml.stop import Stop

Outcome = Literal["lml_error", "lml_cardinality_mismatch", "lml_invalid_verdict"]

FAILED_CALLS_IN_A_ROW: Final = 20
"""One bad input in a batch of 1,000 makes at most 11 calls fail in a row, so it cannot look like this."""
UNOPENED_BATCHES_IN_A_ROW: Final = 3
ATTEMPTS_OF_A_HALF: Final = 2

_NOT_FOUND: Final = frozenset({404, 405, 410})
_log = logging.getLogger("identity_assets.lml")


class Resolver(Protocol):
    """What `ask` needs of a client."""

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
        """Answer for these inputs, or raise an LmlError; see LmlClient.resolve."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input has no verdict. `detail` is one line."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one batch: each of its inputs is in `verdicts`, `failures` or `unasked`, and in one only.

    A verdict that is set aside (`rejected_reason`) counts as a verdict: LML has answered. `unasked` are inputs
    for which the time was too short. `include_tracks`: the batch was asked about with tracks.
    """

    verdicts: tuple[Verdict, ...]
    failures: Mapping[int, Failure]
    foreign: int
    duplicates: int
    unasked: tuple[int, ...] = ()
    include_tracks: bool = False

    @property
    def ask_again(self) -> tuple[int, ...]:
        """Library rows that LML calls compilations, and that were asked about without tracks."""
        if self.include_tracks:
            return ()
        return tuple(
            one.library_id for one in self.verdicts if one.kind == "compilation" and not one.rejected
        )


@dataclass(slots=True)
class _Tally:
    """The account of one batch while it is worked on, by one thread."""

    verdicts: list[Verdict] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    unasked: list[int] = field(default_factory=list)
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

    def close(self, include_tracks: bool) -> Asked:
        return Asked(
            tuple(self.verdicts),
            self.failures,
            self.foreign,
            self.duplicates,
            tuple(self.unasked),
            include_tracks,
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """A batch, or a half of a half of one."""

    inputs: tuple[LibraryInput, ...]
    batch: Batch
    number: int
    is_whole: bool

    def halves(self) -> tuple[_Part, _Part]:
        """Both halves, the second one first."""
        middle = len(self.inputs) // 2
        first, second = self.inputs[:middle], self.inputs[middle:]
        return (
            _Part(second, self.batch, self.number, False),
            _Part(first, self.batch, self.number, False),
        )


class AskingState:
    """What the workers share. Thread-safe; what ends asking is kept here until the calling thread raises it."""

    def __init__(
        self,
        client: Resolver,
        store: Callable[[Asked], None],
        patience_seconds: float,
        run_seconds: float | None,
    ) -> None:
        self.stop = Stop()
        self._client = client
        self._store = store
        self._patience = patience_seconds
        self._run_seconds = run_seconds
        self._lock = threading.Lock()
        self._started = self._last_success = time.monotonic()
        self._failed_in_a_row = 0
        self._unopened_in_a_row = 0
        self._last_error: LmlError | None = None
        self._error_since_success: LmlError | None = None
        self._waiting: dict[int, LmlError] = {}
        self._fatal: LmlError | None = None
        self._ended_by: BaseException | None = None
        self._out_of_time = False

    def ask_and_store(self, number: int, batch: Batch) -> Asked | None:
        """What a worker does with a batch; None where it was not begun, or not stored. Never raises."""
        if self.stop.after_calls.is_set():
            return None
        try:
            asked = self.ask_batch(batch, number)
            self._store(asked)
        except BaseException as error:
            # The calling thread raises it; here it would end one thread, and the others would wait forever.
            self.end_with(error)
            return None
        return asked

    def ask_batch(self, batch: Batch, number: int = 0) -> Asked:
        """Ask about one batch, in halves where that helps, until each input has its verdict or failure."""
        tally = _Tally()
        inputs = tuple({one.library_id: one for one in batch.inputs}.values())
        parts = [_Part(inputs, batch, number, True)] if inputs else []
        while parts:
            part = parts.pop()
            self.look_at_the_clock()
            if self.stop.after_calls.is_set():
                self._leave_unasked(part, tally)
            else:
                parts.extend(self._ask_part(part, tally))
        return tally.close(batch.include_tracks)

    def _ask_part(self, part: _Part, tally: _Tally) -> Sequence[_Part]:
        """Ask about one part and enter what came; returns the parts still to ask about, last first."""
        try:
            answer = self._resolve(part)
        except LmlStopped:
            self._leave_unasked(part, tally)
        except LmlError as error:
            self._count_failure(error, part.is_whole)
            if len(part.inputs) > 1 and _is_cured_by_halving(error):
                return part.halves()
            malformed = isinstance(error, LmlMalformedAnswer)
            tally.fail(part.inputs, "lml_invalid_verdict" if malformed else "lml_error", str(error))
        else:
            self._count_success()
            tally.take(part.inputs, answer)
        return ()

    def _resolve(self, part: _Part) -> Answer:
        try:
            return self._client.resolve(
                part.inputs,
                include_tracks=part.batch.include_tracks,
                attempts=None if part.is_whole else ATTEMPTS_OF_A_HALF,
                stop=self.stop,
                batch_number=part.number,
                on_failure=self._note_failure,
            )
        except LmlError:
            raise
        except Exception as error:
            # One input that trips a fault of ours must not keep the others from being asked.
            raise LmlUnavailable(f"asking failed: {type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._waiting.pop(threading.get_ident(), None)

    def _leave_unasked(self, part: _Part, tally: _Tally) -> None:
        if self._out_of_time and self._fatal is None:
            tally.unasked.extend(one.library_id for one in part.inputs)
        else:
            why = self._fatal or "asking was stopped"
            tally.fail(part.inputs, "lml_error", f"not asked to the end: {why}")

    def look_at_the_clock(self) -> None:
        """End asking where its time is over, or LML has failed for too long."""
        now = time.monotonic()
        with self._lock:
            if self._run_seconds is not None and now - self._started >= self._run_seconds:
                if not self._out_of_time:
                    _log.warning("LML_RUN_SECONDS, %g s, are over: nothing more is asked", self._run_seconds)
                self._out_of_time = True
                self.stop.finish()
            silent = now - self._last_success
            # A call that waits to be put again may hold all others (Retry-After), also those that would succeed.
            error = self._error_since_success or next(iter(self._waiting.values()), None)
            if error is not None and silent >= self._patience:
                self._give_up(
                    _down(
                        f"no call succeeded for {silent:.0f} s (LML_PATIENCE_SECONDS={self._patience:g})",
                        error,
                    )
                )

    def end_with(self, error: BaseException) -> None:
        """Begin nothing more, and have the calling thread raise this."""
        with self._lock:
            self._ended_by = self._ended_by or error
            self.stop.finish()

    def raise_what_ended_it(self) -> None:
        """Raise what ended asking before its time; nothing where it ran to its end, or the time is over."""
        fatal = self._fatal or self._unreached_at_the_end()
        if fatal:
            raise fatal from self._ended_by
        if self._ended_by:
            raise self._ended_by

    def _give_up(self, fatal: LmlError) -> None:
        self._fatal = self._fatal or fatal
        self.stop.finish()

    def _count_success(self) -> None:
        with self._lock:
            self._failed_in_a_row = self._unopened_in_a_row = 0
            self._last_success = time.monotonic()
            self._error_since_success = None

    def _note_failure(self, error: LmlError) -> None:
        """One attempt failed, and the client may put the call again."""
        with self._lock:
            self._error_since_success = self._waiting[threading.get_ident()] = error
        self.look_at_the_clock()

    def _count_failure(self, error: LmlError, is_whole: bool) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            self._last_error = self._error_since_success = error
            if not _is_nobody_there(error):
                self._unopened_in_a_row = 0
            elif is_whole:
                self._unopened_in_a_row += 1
            if fatal := self._verdict_on_lml(error):
                self._give_up(fatal)

    def _unreached_at_the_end(self) -> LmlError | None:
        """LML is down too where there were too few batches to tell, but the last of them found nobody there."""
        if self._unopened_in_a_row and self._last_error is not None:
            count = self._unopened_in_a_row
            batches = "last batch" if count == 1 else f"last {count} batches"
            return _down(f"the {batches} reached no LML", self._last_error)
        return None

    def _verdict_on_lml(self, error: LmlError) -> LmlError | None:
        if isinstance(error, LmlUnauthorised):
            return error
        if self._unopened_in_a_row >= UNOPENED_BATCHES_IN_A_ROW:
            return _down(f"{self._unopened_in_a_row} batches in a row reached no LML", error)
        if self._failed_in_a_row >= FAILED_CALLS_IN_A_ROW:
            return _down(f"{self._failed_in_a_row} calls in a row failed, after their retries", error)
        return None


def _down(what: str, last: LmlError) -> LmlDown:
    message = f"LML is down: {what} (the last error: {str(last).rstrip('.')})"
    return LmlDown(message, status=last.status, retryable=True, retry_after=last.retry_after)


def _is_nobody_there(error: LmlError) -> bool:
    """Whether nothing like LML answers at this address, so that neither halves nor other batches will do."""
    if isinstance(error, LmlRefused):
        status = error.status or 0
        return status < 400 or status in _NOT_FOUND
    return isinstance(error, LmlUnreachable)


def _is_cured_by_halving(error: LmlError) -> bool:
    return not isinstance(error, LmlUnauthorised) and not _is_nobody_there(error)
