"""Reading a CSV file of unknown origin. Each fault of the file gives one sentence that says what to do.

Belongs here: bytes, lines and columns. Not here: what the columns mean.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path


class CsvFileError(ValueError):
    """The file is not a readable CSV. The message is one line that names the file and says what to do."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark. A blank file is an error."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CsvFileError(f"{path} is not there: give the path of a CSV file") from None
    except IsADirectoryError:
        raise CsvFileError(f"{path} is a directory: give the path of a CSV file") from None
    except OSError as error:
        raise CsvFileError(f"{path} cannot be read ({error.strerror}): give a readable CSV file") from error
    bom = b"\xef\xbb\xbf"
    start = len(bom) if content.startswith(bom) else 0
    try:
        text = content[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise CsvFileError(
            f"{path} is not UTF-8: byte {start + error.start} cannot be read; save it as UTF-8"
        ) from None
    if not text.strip():
        raise CsvFileError(f"{path} is empty: give a CSV with a header and a release a row")
    return text


def lines_of(path: Path, text: str) -> Iterator[list[str]]:
    """The header, then the rows. Empty lines are left out. A row may be shorter than the header, but not longer."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    width = 0
    try:
        for cells in filter(None, reader):
            width = width or len(cells)
            if len(cells) > width:
                raise CsvFileError(
                    f"{path}, line {reader.line_num}: {len(cells)} fields where the header has {width}: "
                    "put fields that hold a comma in quotes"
                )
            if any("\0" in cell for cell in cells):
                raise CsvFileError(f"{path}, line {reader.line_num}: a NUL byte; take it out")
            yield cells
    except csv.Error as error:
        raise CsvFileError(f"{path}, line {reader.line_num}: {error}; mend its quotes and commas") from error


def column_of(path: Path, header: Sequence[str], name: str, option: str) -> int:
    """The position of the column. `option` is the command's option that names another column."""
    if name in header:
        return header.index(name)
    found = ", ".join(header)
    raise CsvFileError(f"{path} has no column {name}: name one of its own ({found}) with {option}")
