"""What the commands have in common: where lines go, and the exit codes."""

import json
import logging
import sys
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

if TYPE_CHECKING:
    from identity_assets.progress import ProgressReporter

FAILED, WRONG, INTERRUPTED = 1, 2, 130


_log = logging.getLogger("identity_assets.terminal.cli")


class Voice:
    """Whether sentences go to the log, where a command's stderr is one of JSON lines; else to stderr as they are."""

    logs = False


voice = Voice()


def say(line: str, level: int = logging.INFO) -> None:
    """A line for the person watching; never on stdout, which is for results."""
    if voice.logs:
        _log.log(level, line)
    else:
        click.echo(line, err=True)


def stop(line: str, code: int) -> NoReturn:
    """End with one line that says why."""
    say(f"identity-assets: {' '.join(line.split())}", logging.ERROR)
    sys.exit(code)


def progress_on_stderr() -> "ProgressReporter":
    """A bar where a terminal is watched, plain lines elsewhere; lines of the step's log where that is written."""
    from identity_assets.progress import LogProgress
    from identity_assets.terminal.progress_bar import BarProgress

    if voice.logs:
        return LogProgress()
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else LogProgress(say=say)


def print_json(value: object) -> None:
    """The one JSON object of a command, on stdout."""
    click.echo(json.dumps(value))
