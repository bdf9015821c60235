"""How far a long step is: said in its log at most every few seconds, or drawn where a terminal is watched."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0

Advance = Callable[[int], None]


class ProgressReporter(Protocol):
    """Follows one stage of a step; the context it opens takes the number of rows done since the last call."""

    def stage(self, say: Callable[[str], None], label: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage of `total` library rows; `say` writes a line of the step's log."""
        ...


class LogProgress:
    """Lines such as `asking LML: 12,000 of 64,676 rows, 9,310 rows/s, 6 s left`, one every five seconds at most.

    They go to the step's log, or to `say` where one is given.
    """

    def __init__(
        self, say: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock

    @contextmanager
    def stage(self, say: Callable[[str], None], label: str, total: int) -> Iterator[Advance]:
        """See `ProgressReporter.stage`."""
        began = said = self._clock()
        done = 0

        def advance(rows: int) -> None:
            nonlocal done, said
            done += rows
            now = self._clock()
            if now - said >= SECONDS_BETWEEN_LINES and done < total:
                said = now
                (self._say or say)(progress_line(label, done, total, now - began))

        yield advance


def progress_line(label: str, done: int, total: int, seconds: float) -> str:
    """Rows done, of how many, rows a second and the time left, on one line."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {(total - done) / rate:.0f} s left" if rate > 0 else ""
    return f"{label}: {done:,} of {total:,} rows, {rate:,.0f} rows/s{left}"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} rows/s")


class BarProgress:
    """A bar for each stage on a terminal: rows, rows a second, time left."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, say: Callable[[str], None], label: str, total: int) -> Iterator[Advance]:  # noqa: ARG002  # a bar needs no log line
        """See `ProgressReporter.stage`."""
        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            task = bars.add_task(label, total=total)

            def advance(rows: int) -> None:
                bars.advance(task, rows)

            yield advance
