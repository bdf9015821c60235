"""Calls the commands in processes of their own, in an environment without anybody else's settings."""

import os
import subprocess
import sys
from collections.abc import Mapping


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "identity_assets.terminal.cli", *arguments]


def clean_env(**variables: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PATH", "HOME", "COV", "PYTHON"))
    }
    return {**kept, "COLUMNS": "120", "LOG_FORMAT": "plain", **variables}


def call(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=env or clean_env(), capture_output=True, text=True, timeout=120, check=False
    )


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr of a command that printed nothing else."""
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    return line
