"""How many calls to LML may be in flight: found by trying, for all threads of a client together.

The limiter starts at 2. At each number of calls in flight it measures how many inputs LML answers in a second. It
goes up while that rate rises, and stays at the smallest number that no larger one clearly beats. What a call is,
and when it is retried, belongs in `client`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

START: Final = 2
WORTH_MORE: Final = 0.25
"""More calls in flight are worth it where they bring at least this share of what proportion promises."""
FULL_GAIN: Final = 0.5
"""At least this share of what proportion promises keeps the number doubling at the start."""
LOADED: Final = 0.75
"""A call counts as a measurement when at least this share of the allowed calls was in flight with it."""
KEPT_ROUNDS: Final = 80
"""A measurement is forgotten after so many others, so that LML is tried again when it may have changed."""
DISTRESS_ROUNDS: Final = 8
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call in flight."""

    era: int
    in_flight: int
    started: float
    kind: object


@dataclass(frozen=True, slots=True)
class _Level:
    """Inputs a second with a number of calls in flight; good until a round."""

    rate: float
    until: int


class Limiter:
    """At most `ceiling` calls at once, fewer while that is as fast. Thread-safe.

    Each call is put between `enter` and `leave`. Calls of different `kind` cost LML different work, so that what
    was measured with one is forgotten when another begins; calls of the first that are still in flight do not count.
    """

    def __init__(self, ceiling: int = 8, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.ceiling = ceiling
        self._clock = clock
        self._changed = threading.Condition()
        self._limit = min(START, ceiling)
        self._in_flight = 0
        self._held_until = -math.inf
        self._last_success = -math.inf
        self._kind: object = None
        self._largest = 0
        self._era = 0
        self._steady_since = math.inf
        self._rounds = 0
        self._doubling = True
        self._round: list[float] = []
        self._levels: dict[int, _Level] = {}

    @property
    def limit(self) -> int:
        """How many calls may be in flight now."""
        with self._changed:
            return self._limit

    def enter(self, stop: threading.Event, kind: object = None) -> Ticket | None:
        """Wait until one more call may begin; None once `stop` is set."""
        with self._changed:
            while not stop.is_set():
                pause = self._held_until - self._clock()
                if pause <= 0 and self._in_flight < self._limit:
                    self._begin_kind(kind)
                    self._in_flight += 1
                    return Ticket(self._era, self._in_flight, self._clock(), kind)
                self._changed.wait(min(max(pause, 0.001), _POLL_SECONDS) if pause > 0 else _POLL_SECONDS)
        return None

    def leave(
        self, ticket: Ticket, *, answered: int = 0, status: int | None = None, slow: bool = False
    ) -> None:
        """Say how a call ended: with `answered` inputs, or refused with a `status`, or `slow`, out of time."""
        with self._changed:
            self._in_flight -= 1
            now = self._clock()
            if answered:
                self._succeed(ticket, answered, now)
            elif status in (429, 503) or (slow and ticket.started >= self._last_success):
                # A call that is out of time while others are answered holds a bad input: LML is not overloaded.
                self._step_back(ticket, KEPT_ROUNDS if status == 429 else DISTRESS_ROUNDS, not slow)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Let no call begin for so long: LML has asked for it."""
        with self._changed:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _succeed(self, ticket: Ticket, answered: int, now: float) -> None:
        self._last_success = max(self._last_success, ticket.started)
        if ticket.kind != self._kind:
            return
        self._largest = max(self._largest, answered)
        loaded = ticket.in_flight >= LOADED * self._limit
        if ticket.era != self._era or not loaded or answered * 2 < self._largest:
            return
        self._steady_since = min(self._steady_since, now)
        if not self._doubling and ticket.started < self._steady_since:
            # It began when this number was new, and LML's queue was as short as before.
            return
        self._round.append((now - ticket.started) / answered)
        if len(self._round) >= self._limit:
            self._end_round()

    def _begin_kind(self, kind: object) -> None:
        """Calls of another kind begin: measure anew, from the number that stands."""
        if kind != self._kind:
            self._kind, self._largest = kind, 0
            self._levels.clear()
            self._round.clear()

    def _end_round(self) -> None:
        """Note what this number of calls in flight brought, and choose the next."""
        seconds_per_input = sum(self._round) / len(self._round)
        rate = self._limit / max(seconds_per_input, 1e-9)
        self._round.clear()
        self._rounds += 1
        self._levels = {n: one for n, one in self._levels.items() if one.until > self._rounds}
        if before := self._levels.get(self._limit):
            rate = (rate + before.rate) / 2
        self._levels[self._limit] = _Level(rate, self._rounds + KEPT_ROUNDS)
        self._set_limit(self._next_limit(rate))

    def _next_limit(self, rate: float) -> int:
        if self._doubling:
            self._doubling = self._limit < self.ceiling and self._is_worth_doubling(rate)
            if self._doubling:
                return min(2 * self._limit, self.ceiling)
        return self._settle()

    def _is_worth_doubling(self, rate: float) -> bool:
        lower = self._nearest_below(self._limit)
        if lower is None:
            return True
        promised = self._limit / lower - 1
        return rate >= self._levels[lower].rate * (1 + FULL_GAIN * promised)

    def _settle(self) -> int:
        """The smallest number that no larger one is worth, or one beside it that is not measured yet."""
        best = min(n for n in self._levels if self._is_enough(n))
        above = min((n for n in self._levels if n > best), default=None)
        below = self._nearest_below(best)
        if above is None and best < self.ceiling:
            return best + 1
        if above is not None and above - best > 1:
            # If the larger number is slower, the best number is near.
            is_slower = self._levels[above].rate < self._levels[best].rate
            return best + 1 if is_slower else (best + above) // 2
        if below is None:
            return max(best - 1, 1)
        # Where the rate rose less than in proportion, it may have stopped rising between the two.
        if best - below > 1 and self._levels[best].rate < 0.95 * self._levels[below].rate * best / below:
            return (best + below) // 2
        return best

    def _is_enough(self, limit: int) -> bool:
        rate = self._levels[limit].rate
        return rate > 0 and all(
            other.rate <= rate * (1 + WORTH_MORE * (more / limit - 1))
            for more, other in self._levels.items()
            if more > limit
        )

    def _nearest_below(self, limit: int) -> int | None:
        return max((n for n, one in self._levels.items() if n < limit and one.rate > 0), default=None)

    def _step_back(self, ticket: Ticket, rounds: int, refused: bool) -> None:
        """Halve, once for all calls that began before it; and do not soon try so many again where LML refused."""
        if refused and ticket.in_flight > 1:
            known = self._levels.get(ticket.in_flight)
            if known is not None and known.rate > 0:
                # So many were answered before: it may have been an exception.
                rounds = min(rounds, DISTRESS_ROUNDS)
            bad = _Level(0.0, self._rounds + rounds)
            self._levels = {n: one for n, one in self._levels.items() if n < ticket.in_flight}
            self._levels[ticket.in_flight] = bad
        if ticket.era == self._era:
            self._doubling = False
            self._set_limit(max(1, self._limit // 2))

    def _set_limit(self, limit: int) -> None:
        if limit != self._limit:
            self._limit = limit
            self._era += 1
            self._steady_since = math.inf
            self._round.clear()
