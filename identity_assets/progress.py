"""Progress of a long step: lines in its log. The bar for a terminal is in terminal/progress_bar.py."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

SECONDS_BETWEEN_LINES = 5.0

Advance = Callable[[int], None]
"""Takes the number of rows that were done since the last call."""


class ProgressReporter(Protocol):
    """Shows the progress of a step, one stage at a time."""

    def stage(self, say: Callable[[str], None], label: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage of `total` library rows; `say` writes a line to the step's log."""
        ...


class LogProgress:
    """Writes lines such as `asking LML: 12,000 of 64,676 rows, 9,310 rows/s, 6 s left`, at most one every 5 seconds.

    The lines go to `say` if it is given, otherwise to the step's log.
    """

    def __init__(
        self, say: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock

    @contextmanager
    def stage(self, say: Callable[[str], None], label: str, total: int) -> Iterator[Advance]:
        """See `ProgressReporter.stage`."""
        started_at = last_line_at = self._clock()
        done = 0

        def advance(rows: int) -> None:
            nonlocal done, last_line_at
            done += rows
            now = self._clock()
            if now - last_line_at >= SECONDS_BETWEEN_LINES and done < total:
                last_line_at = now
                (self._say or say)(progress_line(label, done, total, now - started_at))

        yield advance


def progress_line(label: str, done: int, total: int, seconds: float) -> str:
    """One line with the rows done, the total, the rate and the time left."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {(total - done) / rate:.0f} s left" if rate > 0 else ""
    return f"{label}: {done:,} of {total:,} rows, {rate:,.0f} rows/s{left}"
