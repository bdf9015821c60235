"""The cells of a CSV file whose delimiter nobody named: a comma, a semicolon, a tab or a vertical bar.

Not here: what the columns mean (`columns`).
"""

import csv
import io
import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from identity_assets.demo.csv_input.text import CsvError, read_text

# The name of each delimiter in a sentence, in the order of preference.
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
# Excel writes and reads a first line such as `sep=;` that names the delimiter.
_EXCELS_OWN_LINE = re.compile(r"\A\s*sep=[,;\t|](?=\s)", re.IGNORECASE)
_LINES_TO_LOOK_AT = 200
_WORDS_SHOWN = 60


@dataclass(frozen=True)
class CsvTable:
    """The rows of a file, trimmed. Blank lines are left out and counted. No row is longer than the first line."""

    path: Path
    encoding: str
    delimiter: str
    rows: Sequence[Sequence[str]]
    blank_lines: int

    def describe(self) -> str:
        """How the file was read, as the beginning of a sentence."""
        return f"{self.path.name}: {self.encoding}, {self.delimiter}-separated"


@dataclass(frozen=True)
class _Line:
    """One line: `cells` are trimmed, `width` counts them all, the empty ones at the end too."""

    number: int
    cells: Sequence[str]
    width: int


def read_table(path: Path, encoding: str | None = None) -> CsvTable:
    """The cells of a CSV file. Cells are trimmed, and empty cells at the end of a line are dropped.

    Raises:
        CsvError: the file is no text, has one column, a line longer than the first, an open quote or a NUL.
    """
    file = read_text(path, encoding)
    # An empty line in its place keeps the numbers of the lines.
    text = _EXCELS_OWN_LINE.sub("", file.text, count=1)
    if not text.strip("".join(_DELIMITERS) + '"' + string.whitespace):
        raise CsvError(f"{path} has no words, only delimiters: give a CSV with a header and a release a row")
    delimiter = _delimiter_of(path, text)
    lines = list(_lines_of(path, text, delimiter))
    full = [line for line in lines if line.cells]
    _check_widths(path, full, delimiter)
    rows = tuple(line.cells for line in full)
    blank_lines = len(lines) - len(full) - (text != file.text)
    return CsvTable(path, file.encoding, _DELIMITERS[delimiter], rows, blank_lines)


def _delimiter_of(path: Path, text: str) -> str:
    """The delimiter that splits the first lines into the same number of columns, at least two."""
    fits = {delimiter: _fit(text, delimiter) for delimiter in _DELIMITERS}
    best = max(fits, key=lambda delimiter: fits[delimiter])
    if fits[best][0] == 0:
        first = next(line for line in text.splitlines() if line.strip()).strip()
        raise CsvError(
            f"{path} has one column: no comma, semicolon, tab or | separates {first[:_WORDS_SHOWN]!r}; "
            "save it with one of these between artist and title"
        )
    return best


def _fit(text: str, delimiter: str) -> tuple[float, int]:
    """How well the delimiter fits: the share of lines with the usual number of columns, and that number.

    Lines after one that cannot be read are not looked at. `_lines_of` names that line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines: list[list[str]] = []
    with suppress(csv.Error):
        lines.extend(islice(filter(None, map(_trimmed, reader)), _LINES_TO_LOOK_AT))
    # A row may lack its last cells, so the header says how many columns there are.
    width = len(lines[0]) if lines else 0
    if width < 2:
        return 0.0, 0
    counts = Counter(len(cells) for cells in lines)
    return sum(count for cells, count in counts.items() if 2 <= cells <= width) / len(lines), width


def _lines_of(path: Path, text: str, delimiter: str) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    first = 1
    try:
        for cells in reader:
            if any("\0" in cell for cell in cells):
                raise CsvError(f"{path}, line {reader.line_num}: a NUL byte; take it out")
            yield _Line(reader.line_num, _trimmed(cells), len(cells))
            first = reader.line_num + 1
    except csv.Error as error:
        # An open quote is found many lines after the line in which it stands.
        raise CsvError(f"{path}, line {first}: {error}; mend its quotes") from error


def _trimmed(cells: Sequence[str]) -> list[str]:
    """The cells without white space at their ends, and without the empty cells at the end of the line."""
    trimmed = [cell.strip() for cell in cells]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    return trimmed


def _check_widths(path: Path, lines: Sequence[_Line], delimiter: str) -> None:
    width = lines[0].width
    long = [line for line in lines if len(line.cells) > width]
    if long:
        name = _DELIMITERS[delimiter]
        more = f" ({len(long):,} lines are too long)" if len(long) > 1 else ""
        raise CsvError(
            f"{path}, line {long[0].number}: {len(long[0].cells)} cells where the first line has {width}{more}: "
            f"if {name} is the wrong delimiter, save the file with another one; else quote cells that hold a {name}"
        )
