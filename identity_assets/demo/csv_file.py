"""Reading a CSV that somebody else wrote, with one clear sentence for each way in which it can be wrong.

Belongs here: bytes, lines and columns. Not here: what the columns mean.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path


class CsvFileError(ValueError):
    """A file that cannot be read as a CSV; the message is one line, names the file and says what to do."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; blank files are an error."""
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
    """The header and the rows in turn; empty lines are left out.

    A row may be shorter than the header, and not longer.
    """
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
    """The place of the column; `option` is what the user can name another one with."""
    if name in header:
        return header.index(name)
    found = ", ".join(header)
    raise CsvFileError(f"{path} has no column {name}: name one of its own ({found}) with {option}")
