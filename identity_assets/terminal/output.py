"""What the commands print: messages on stderr, results on stdout, progress; and the exit codes.

What a single command prints is in the module of that command.
"""

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

from identity_assets.clean_text import clean_lines, one_line

if TYPE_CHECKING:
    from identity_assets.progress import ProgressReporter

# FAILED: the command tried and failed. WRONG: wrong arguments, or a setting or an input file that is not valid.
# RED: a run ended, and a check of it failed with the severity ERROR.
FAILED, WRONG, RED, INTERRUPTED = 1, 2, 3, 130

# The columns of a terminal on which a table of library rows can be read.
WIDE_ENOUGH = 120

_log = logging.getLogger("identity_assets.terminal")
_messages_in_log: ContextVar[bool] = ContextVar("messages_in_log", default=False)
_prints_json: ContextVar[bool] = ContextVar("prints_json", default=False)


def send_messages_to_log() -> None:
    """Write all further messages to the log, because stderr carries JSON lines."""
    _messages_in_log.set(True)


def expect_json() -> None:
    """From now on the command prints one JSON object on stdout, also if it fails."""
    _prints_json.set(True)


class _CleanConsole(Console):
    """Prints text as it is: no markup, no emoji codes, and no control characters but rich's own."""

    def __init__(self, *, stderr: bool) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of whatever is printed, with their text cleaned."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(clean_lines(segment.text), segment.style)


def console(*, stderr: bool = False) -> Console:
    """The console that every table and paragraph is printed on."""
    return _CleanConsole(stderr=stderr)


def is_narrow(console: Console) -> bool:
    """Whether a table of library rows does not fit: then each row is a block of lines."""
    return console.width < WIDE_ENOUGH


def print_block(console: Console, head: str, *details: str) -> None:
    """Print one library row as a line and indented details."""
    console.print(Text(head))
    for line in details:
        console.print(Padding(Text(line), (0, 0, 0, 4), expand=False))


def print_text(text: str) -> None:
    """Print text on stdout as a command's result."""
    click.echo(clean_lines(text))


def say(message: str, level: int = logging.INFO) -> None:
    """Print a message for the operator on stderr, or log it; stdout is for results only."""
    if _messages_in_log.get():
        _log.log(level, message)
    else:
        click.echo(clean_lines(message), err=True)


def say_error(message: str) -> None:
    """Print an error as one line that begins with the name of the program."""
    say(f"identity-assets: {one_line(message, None)}", logging.ERROR)


def stop(message: str, code: int, result: Mapping[str, object] | None = None) -> NoReturn:
    """End the command with this exit code and one line that gives the reason.

    A command with `--json` prints one object here: `error` and `exit_code`, after what there is of its `result`.
    """
    say_error(message)
    if _prints_json.get():
        print_json({**(result or {}), "error": one_line(message, None), "exit_code": code})
    sys.exit(code)


def progress_on_stderr() -> "ProgressReporter":
    """A progress bar on a terminal, plain lines elsewhere, or lines in the step's log if messages go to the log."""
    from identity_assets.progress import LogProgress
    from identity_assets.terminal.progress_bar import BarProgress

    if _messages_in_log.get():
        return LogProgress()
    on_stderr = console(stderr=True)
    return BarProgress(on_stderr) if on_stderr.is_terminal else LogProgress(say=say)


def print_json(value: object) -> None:
    """Print the one JSON object of a command on stdout, in ASCII."""
    click.echo(json.dumps(value))
