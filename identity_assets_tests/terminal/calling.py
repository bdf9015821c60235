"""Calls the commands with a clean environment: in this process, or in a process of their own.

`call_here` takes a tenth of the time of `call`. Use `call` and `command` only where the process itself is tested:
start-up, signals, stdout and stderr, LIBRARY_PARTITIONS.
"""

import contextvars
import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest import mock

import dagster as dg

from identity_assets.settings import settings
from identity_assets.telemetry.dagster_internals import replace_console_logger
from identity_assets.telemetry.logs import OWN_LOGGER
from identity_assets.terminal.cli import run_command

# Modules read these settings while they are imported, so a process cannot change them later.
READ_AT_IMPORT = {
    *("LIBRARY_PARTITIONS", "WXYC_SCHEMA_NAME", "DISCOGS_SCHEMA_NAME", "SENTRY_DSN", "REFRESH_CRON"),
    *("STALE_THRESHOLD_DAYS", "UNRESOLVED_RETRY_DAYS"),
}


def command(*arguments: str) -> list[str]:
    """The command line of `identity-assets`."""
    return [sys.executable, "-m", "identity_assets", *arguments]


def clean_env(**variables: str) -> dict[str, str]:
    """An environment with these variables and without any other setting of the person who runs the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PATH", "HOME", "COV", "PYTHON", "TMP"))
    }
    return {**kept, "COLUMNS": "120", "LOG_FORMAT": "plain", **variables}


def call(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        command(*arguments), env=env or clean_env(), capture_output=True, text=True, timeout=120, check=False
    )


def call_here(
    *arguments: str, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process; the result is the same as that of `call`."""
    chosen = clean_env() if env is None else env
    assert not READ_AT_IMPORT & chosen.keys()
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        _loggers_restored(),
        mock.patch.dict(os.environ, chosen, clear=True),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        settings.cache_clear()
        try:
            contextvars.copy_context().run(run_command, arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            settings.cache_clear()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextmanager
def _loggers_restored() -> Iterator[None]:
    """Undo what a command sets up for the logs of its process."""
    handlers, level = list(OWN_LOGGER.handlers), OWN_LOGGER.level
    lml_logger = logging.getLogger("identity_assets.lml")
    lml_level = lml_logger.level
    console_logger = dg.colored_console_logger.logger_fn
    try:
        yield
    finally:
        OWN_LOGGER.handlers[:] = handlers
        OWN_LOGGER.setLevel(level)
        lml_logger.setLevel(lml_level)
        replace_console_logger(console_logger)


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr of a command that printed nothing else."""
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    return line
