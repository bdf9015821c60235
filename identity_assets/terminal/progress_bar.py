"""Progress on a terminal: one bar for each stage. Lines for a log are in progress.py."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

from identity_assets.progress import Advance


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} rows/s")


class BarProgress:
    """Draws a bar for each stage: rows done, rows a second, time left."""

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
