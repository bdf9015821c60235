"""CSV files that a spreadsheet may open: how a cell is written so that it is no formula, and read back.

A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break. Such a cell is written with an
apostrophe before it, and so is a cell that begins with an apostrophe. Reading takes one apostrophe away again, so
every text comes back as it was.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from identity_assets.terminal.output import WRONG, stop

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")

WriteLine = Callable[[Sequence[object]], None]


def safe_cell(value: object) -> object:
    """The value as it is written: a text that a spreadsheet would run gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def plain_cell(text: str) -> str:
    """The text that `safe_cell` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


@contextmanager
def csv_file(path: Path, header: Sequence[str]) -> Iterator[WriteLine]:
    """Write a CSV file in UTF-8: the header now, then each line that the block hands over, by `safe_cell`.

    Raises:
        SystemExit: the file cannot be written; one line says why, and the exit code is 2.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            lines = csv.writer(stream)
            lines.writerow(header)
            yield lambda line: lines.writerow(map(safe_cell, line))
    except OSError as error:
        stop(f"{path} cannot be written: {error.strerror or error}", WRONG)
