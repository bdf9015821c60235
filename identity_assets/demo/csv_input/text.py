"""The text of a file whose encoding nobody named: UTF-8, UTF-16, Windows-1252 or Mac Roman.

Not here: delimiters and cells (`table`).
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from identity_assets.errors import OperatorError

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NAMES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "mac_roman": "Mac Roman",
}
# How a ZIP file begins, and so a workbook of Excel or LibreOffice.
_ZIP = b"PK\x03\x04"
SAVE_AS_UTF8 = "save it as UTF-8"
"""What to do about an encoding where the command has no option for it."""
_HOW_TO_NAME_IT = f"{SAVE_AS_UTF8}, or name its encoding with --encoding"


class CsvError(OperatorError, ValueError):
    """The file cannot be read as a catalogue. The message is one line that names the file and says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class FileText:
    """The text of a file, without a byte order mark, and the name of its encoding as people write it."""

    text: str
    encoding: str


def read_text(path: Path, encoding: str | None = None, remedy: str = _HOW_TO_NAME_IT) -> FileText:
    """The text of a file. Without `encoding` it is detected. `remedy` says what to do if it cannot be read.

    Raises:
        CsvError: the file cannot be read, is empty, or is not text in this encoding.
    """
    content = _content(path)
    codec = encoding or _detected(path, content, remedy)
    mark = next(
        (mark for mark, marked in _BYTE_ORDER_MARKS if content.startswith(mark) and _same(codec, marked)), b""
    )
    try:
        text = content[len(mark) :].decode(codec)
    except LookupError:
        raise CsvError(
            f"--encoding {codec}: there is no such encoding; give one such as cp1252 or utf-8"
        ) from None
    except UnicodeError as error:
        at = (
            f": byte {len(mark) + error.start} cannot be read"
            if isinstance(error, UnicodeDecodeError)
            else ""
        )
        raise CsvError(f"{path} is not {_NAMES.get(codec, codec)}{at}; {remedy}") from None
    if not text.strip():
        raise CsvError(f"{path} is empty: give a CSV with a header and a release a row")
    return FileText(text, _NAMES.get(codec, codec))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CsvError(f"{path} is not there: give the path of a CSV file") from None
    except IsADirectoryError:
        raise CsvError(f"{path} is a directory: give the path of a CSV file") from None
    except OSError as error:
        raise CsvError(f"{path} cannot be read ({error.strerror}): give a readable CSV file") from error


def _same(codec: str, marked: str) -> bool:
    """Whether a file in `codec` may begin with the byte order mark of `marked`. UTF-16 reads its own mark."""
    try:
        return codecs.lookup(codec).name == codecs.lookup(marked).name
    except LookupError:
        return False


def _detected(path: Path, content: bytes, remedy: str) -> str:
    """The codec of the content.

    The marks and UTF-8 are certain. Between the two old encodings, in which every byte means a character, the
    library decides by the characters that come out.
    """
    if content.startswith(_ZIP):
        raise CsvError(f"{path} is a workbook or another ZIP file: save the sheet of releases as CSV")
    for mark, codec in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return codec
    if content.count(0) > len(content) // 4:
        # Half of the bytes of Latin text in UTF-16 are zero: the odd ones in little-endian order.
        return "utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"
    if _is_utf8(content):
        return "utf-8"
    if b"\r" in content and b"\n" not in content:
        # Only the old Mac OS ended its lines so.
        return "mac_roman"
    best = from_bytes(content, cp_isolation=["cp1252", "mac_roman"]).best()
    if best is None:
        raise CsvError(f"{path} is neither UTF-8, UTF-16, Windows-1252 nor Mac Roman: {remedy}")
    return best.encoding


def _is_utf8(content: bytes) -> bool:
    """Whether the content is UTF-8, perhaps with a few damaged characters, which reading it reports."""
    text = content.decode("utf-8", "replace")
    damaged = text.count("\N{REPLACEMENT CHARACTER}")
    return damaged * 20 <= sum(character > "\x7f" for character in text) - damaged
