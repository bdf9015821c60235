"""End calls in time: one thread closes the connections of calls that are past their deadline or must stop.

A timeout of the HTTP library is for one read: it never ends a call if the server sends a byte every half second.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Literal

import httpcore

_POLL_SECONDS = 0.1

Ending = Literal["deadline", "stopped"]


class Timed:
    """One call, from its connect to its last byte. `ended` says why it was hung up on, None while it was not."""

    def __init__(self, deadline: float, stop: threading.Event) -> None:
        self.deadline = deadline
        self.stop = stop
        self.ended: Ending | None = None
        self.connection: socket.socket | None = None
        self._lock = threading.Lock()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's hook: learn of each socket that is opened for this call, TLS and proxies included."""
        stream = info.get("return_value")
        if event.endswith(".complete") and isinstance(stream, httpcore.NetworkStream):
            with self._lock:
                self.connection = stream.get_extra_info("socket")
                if self.ended:
                    self._hang_up()

    def end_if_due(self, now: float) -> None:
        """Hang up when it is time to."""
        ending: Ending | None = (
            "stopped" if self.stop.is_set() else "deadline" if now >= self.deadline else None
        )
        with self._lock:
            if ending and not self.ended:
                self.ended = ending
                self._hang_up()

    def _hang_up(self) -> None:
        if self.connection is not None:
            # Not the method of an SSLSocket, which would change its state under the thread that reads from it.
            with suppress(OSError):
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


class Deadlines:
    """Watches calls; its thread lives while there are any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: set[Timed] = set()
        self._running = False

    @contextmanager
    def watch(self, call: Timed) -> Iterator[Timed]:
        """Hang up on the call when its time has come, for as long as the block lasts."""
        with self._changed:
            self._calls.add(call)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="deadlines-of-lml", daemon=True).start()
            self._changed.notify()
        try:
            yield call
        finally:
            with self._changed:
                self._calls.discard(call)
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._calls and not self._changed.wait_for(lambda: self._calls, timeout=0.5):
                    self._running = False
                    return
                calls = list(self._calls)
            now = time.monotonic()
            for call in calls:
                call.end_if_due(now)
            with self._changed:
                nearest = min((one.deadline for one in self._calls if not one.ended), default=now + 1)
                if self._calls:
                    self._changed.wait(min(max(nearest - time.monotonic(), 0.005), _POLL_SECONDS))
