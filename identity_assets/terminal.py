"""What the commands have in common: where lines go, the exit codes, and the partitions that a person names."""

import json
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

if TYPE_CHECKING:
    from identity_assets.progress import ProgressReporter

FAILED, WRONG, INTERRUPTED = 1, 2, 130


_log = logging.getLogger("identity_assets.cli")


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
    from identity_assets.progress import BarProgress, LogProgress

    if voice.logs:
        return LogProgress()
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else LogProgress(say=say)


def print_json(value: object) -> None:
    """The one JSON object of a command, on stdout."""
    click.echo(json.dumps(value))


def known_partitions(keys: Sequence[str]) -> Sequence[str]:
    """The partitions that were named, or all of them where none was; ends where there is no such partition."""
    from identity_assets.partition_keys import KEYS

    if unknown := [key for key in keys if key not in KEYS]:
        stop(f"there is no partition {', '.join(unknown)}: they are {KEYS[0]} to {KEYS[-1]}", WRONG)
    return keys or KEYS
