"""Many batches in flight, asked and stored by worker threads.

What is decided while asking (halving, giving up) is in `asking_state`; one call and its retries are in `client`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import copy_context
from typing import Final

from identity_assets.lml.asking_state import Asked, AskingState, Failure, Outcome, Resolver
from identity_assets.lml.contract import Batch
from identity_assets.lml.errors import LmlDown

__all__ = ["Asked", "Failure", "LmlDown", "Outcome", "Resolver", "ask"]

READ_AHEAD: Final = 2
"""Batches that are read before a worker is free, so that none waits for the calling thread."""
LEAVE_SECONDS: Final = 3.0
"""How long the end of asking waits for its threads; a signal must end a run within 5 s."""
_POLL_SECONDS: Final = 0.2

_log = logging.getLogger("identity_assets.lml")


def ask(
    batches: Iterable[Batch],
    client: Resolver,
    *,
    store: Callable[[Asked], None],
    max_in_flight: int,
    patience_seconds: float = 120.0,
    run_seconds: float | None = None,
) -> Generator[Asked, None, None]:
    """Ask about all batches, at most `max_in_flight` at a time; yields each when it is stored, in any order.

    The calling thread alone reads `batches`, a few ahead. The worker that asked about a batch hands it to `store`,
    which must be thread-safe, before it begins another; so a kill loses at most what is in flight.

    After `run_seconds` nothing more is asked and nothing is raised. Inputs of batches that were started are in
    `Asked.unasked`; other batches are not read, or not reported. Closing the generator ends all calls.

    Errors are raised when everything that was in flight is stored and yielded. Unanswered inputs of a batch that was
    started are then `lml_error`; batches that were never started are not reported.

    Raises:
        LmlUnauthorised: LML refuses the key.
        LmlDown: no call succeeded for `patience_seconds`, or many calls in a row failed.
        Exception: what `store` or `batches` raised.
    """
    state = AskingState(client, store, patience_seconds, run_seconds)
    workers = _Workers(state, max_in_flight)
    waiting = iter(batches)
    try:
        while workers.fill(waiting):
            asked = workers.next_done()
            if asked is not None:
                # Room is filled before the caller is handed anything.
                workers.fill(waiting)
                yield asked
        state.raise_what_ended_it()
    finally:
        state.stop.hang_up()
        workers.leave()


class _Workers:
    """The threads, and the two queues between them and the calling thread."""

    def __init__(self, state: AskingState, size: int) -> None:
        self._state = state
        self._size = size
        self._todo: queue.SimpleQueue[tuple[int, Batch] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._given = 0
        self._outstanding = 0
        self._is_read = False

    def fill(self, batches: Iterator[Batch]) -> bool:
        """Hand out batches while there is room; whether any is still outstanding."""
        try:
            while self._has_room():
                batch = next(batches)
                self._given += 1
                self._outstanding += 1
                self._todo.put((self._given, batch))
                if len(self._threads) < self._size:
                    self._add_thread()
        except StopIteration:
            self._is_read = True
        except Exception as error:
            # What LML has answered by now is stored all the same.
            self._is_read = True
            self._state.end_with(error)
        return self._outstanding > 0

    def _has_room(self) -> bool:
        return (
            not self._is_read
            and self._outstanding < self._size + READ_AHEAD
            and not self._state.stop.after_calls.is_set()
        )

    def next_done(self) -> Asked | None:
        """A batch that is asked and stored; None if there is none yet, or if a batch was not started."""
        self._state.look_at_the_clock()
        try:
            asked = self._done.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return None
        self._outstanding -= 1
        return asked

    def leave(self) -> None:
        """End the threads. One that hangs in a look-up of a name or in the database is left behind."""
        for _ in self._threads:
            self._todo.put(None)
        until = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        if left := sum(thread.is_alive() for thread in self._threads):
            _log.warning("%d calls to LML did not end within %g s and are left behind", left, LEAVE_SECONDS)

    def _add_thread(self) -> None:
        # What a worker logs is about what its caller was doing.
        run = copy_context().run
        name = f"lml_{len(self._threads)}"
        thread = threading.Thread(target=run, args=(self._work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._todo.get()) is not None:
            self._done.put(self._state.ask_and_store(*job))
