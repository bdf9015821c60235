"""The command `identity-assets`: the group of all commands, and `main`.

Each group of commands has a module of its own. A command imports what it needs when it runs, so `--help` and a bad
setting answer at once. The exit codes are in output.py.
"""

import ctypes
import errno
import gc
import io
import os
import re
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from identity_assets import __version__
from identity_assets.errors import OperatorError
from identity_assets.settings import settings
from identity_assets.terminal.changes_command import changes
from identity_assets.terminal.correct_commands import correct, reject
from identity_assets.terminal.dagster_commands import dagster_commands
from identity_assets.terminal.demo_commands import demo
from identity_assets.terminal.held_command import held
from identity_assets.terminal.output import FAILED, INTERRUPTED, WRONG, expect_json, say, say_error, stop
from identity_assets.terminal.preview_commands import dry_run
from identity_assets.terminal.reading_commands import explain, gate, status
from identity_assets.terminal.rows_command import rows
from identity_assets.terminal.run_commands import migrate, run
from identity_assets.terminal.ui_command import KNOWN_WARNINGS, ui
from identity_assets.terminal.undo_commands import replay, unwind

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_M_ARENA_MAX: Final = -8
"""The parameter of glibc's mallopt, from malloc.h."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="identity-assets")
def cli() -> None:
    """Find the artist of each release in the catalogue: ask LML and write its answers."""


for command in (
    *(migrate, run, dry_run, correct, reject, replay, unwind, held),
    *(gate, status, rows, changes, explain, demo, ui),
    *dagster_commands,
):
    cli.add_command(command)


def main() -> None:
    """Run the command that the process was started with."""
    _prepare_process()
    try:
        run_command(sys.argv[1:])
    finally:
        # Memory is free when the process has ended. Without this, Python first searches all of Dagster for garbage.
        gc.freeze()


def run_command(arguments: Sequence[str]) -> None:
    """Run one command. An error that the operator can act on is one line on stderr.

    Raises:
        SystemExit: the command failed or was interrupted; or it ended with an exit code of its own.
    """
    if "--json" in arguments:
        # Also a wrong option is one JSON object, so this cannot wait until the options are parsed.
        expect_json()
    try:
        settings()
        cli(list(arguments), prog_name="identity-assets", standalone_mode=False)
    except OperatorError as error:
        stop(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        sys.exit(WRONG)
    except click.UsageError as error:
        stop(error.format_message(), WRONG)
    except (click.Abort, KeyboardInterrupt):
        stop("interrupted", INTERRUPTED)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        # Also a JSON object could not be written.
        say_error(f"stdout or a file cannot be written: {error.strerror}. What was committed stands")
        sys.exit(FAILED)


def _prepare_process() -> None:
    """Set up memory, signals, warnings and stdout; all of them belong to the whole process."""
    # glibc gives each thread a heap of its own, and what its answers leave free stays there: 10 MiB in a run. Other C
    # libraries have no such heaps and do not know the call.
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    # SIGTERM, which stops a container, ends a command in the same way as Ctrl-C. SIGINT is set too, because a shell
    # ignores it in the processes that it starts in the background.
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, signal.default_int_handler)
    for warning in KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=re.escape(warning))
    # Python has no stream for a closed descriptor (`2>&-`), and the next file or socket would get its number.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    # A terminal that does not use UTF-8 shows `\u2192` for a character that its encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
