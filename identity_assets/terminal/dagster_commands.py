"""The commands `dagster`, `dagster-webserver` and `dagster-daemon`: Dagster's own programs.

The image's entry point is `identity-assets`. Dagster's Helm chart and its run launcher give the entry point a command
line that begins with the name of one of these programs.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

PROGRAMS = ("dagster", "dagster-daemon", "dagster-webserver")


def _command(program: str) -> click.Command:
    @click.command(
        program,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        add_help_option=False,
        help=f"Run Dagster's program `{program}` in place of this one, with the arguments as they are.",
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def become(arguments: Sequence[str]) -> None:
        """Replace this process, so that signals and the exit code are those of the program."""
        executable = Path(sys.executable).with_name(program)
        os.execv(executable, [str(executable), *arguments])

    return become


dagster_commands = tuple(map(_command, PROGRAMS))
