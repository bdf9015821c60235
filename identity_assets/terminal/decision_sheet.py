"""People's decisions read from a CSV file: which line is one, and why a line cannot be taken.

The columns are those of functions/decision_line.sql, as `identity-assets rows --csv` writes them; `state`, `reason`
and `lml_said` are for the reader. What a decision does to the tables belongs in backend/writing/corrections.py.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from identity_assets.backend.writing.decisions import (
    COLUMN_OF_SOURCE,
    Decision,
    DecisionError,
    DecisionKind,
    checked_ids,
    checked_note,
    checked_person,
    checked_source,
)
from identity_assets.demo.csv_input.text import SAVE_AS_UTF8, CsvError, read_text
from identity_assets.errors import OperatorError
from identity_assets.evidence import LARGEST_ID
from identity_assets.terminal.csv_files import plain_cell

_NUMBER = re.compile(r"0*[1-9][0-9]{0,9}", re.ASCII)
NEEDED = ("library_id", "decision")
FOR_THE_READER = ("state", "reason", "lml_said")
FOR_A_DECISION = ("source", *COLUMN_OF_SOURCE.values())
COLUMNS = (
    *("library_id", "artist_name", "album_title", *FOR_THE_READER, "decision"),
    *FOR_A_DECISION,
    *("by", "note"),
)


class SheetError(OperatorError):
    """The file cannot be read as a sheet of decisions."""

    exit_code = 2


@dataclass(frozen=True)
class SheetLine:
    """One line with a decision, or the reason why it cannot be taken; `number` counts from 1, the header."""

    number: int
    decision: Decision | None
    problem: str | None = None


@dataclass(frozen=True)
class Sheet:
    """The lines of a file that are not empty of a decision; `undecided` counts the others."""

    lines: tuple[SheetLine, ...]
    undecided: int
    unknown_columns: tuple[str, ...]


def read_sheet(path: Path, made_by: str) -> Sheet:
    """Read the whole file; `made_by` decided the lines whose column `by` is empty.

    Raises:
        SheetError: it is not a CSV with the columns `library_id` and `decision`.
    """
    try:
        text = read_text(path, remedy=SAVE_AS_UTF8).text
    except CsvError as error:
        raise SheetError(str(error)) from None
    records = _records(path, text)
    header = [cell.strip().lower() for cell in next(records)[1]]
    if missing := [name for name in NEEDED if name not in header]:
        raise SheetError(
            f"{path} has no column {missing[0]}: its first line must name the columns, as "
            "`identity-assets rows --csv` writes them"
        )
    if repeated := [name for name in COLUMNS if header.count(name) > 1]:
        raise SheetError(f"{path} has the column {repeated[0]} twice: take one out")
    lines: list[SheetLine] = []
    undecided = 0
    for number, cells in records:
        values = dict(zip(header, (plain_cell(cell.strip()) for cell in cells), strict=False))
        if len(cells) > len(header):
            lines.append(SheetLine(number, None, f"{len(cells)} fields where the header has {len(header)}"))
        elif values.get("decision"):
            lines.append(_line(number, values, made_by))
        elif any(values.get(column) for column in FOR_A_DECISION):
            lines.append(
                SheetLine(number, None, "it has an id or a source, and its column `decision` is empty")
            )
        else:
            undecided += 1
    unknown = tuple(name for name in header if name and name not in COLUMNS)
    return Sheet(tuple(_without_repeats(lines)), undecided, unknown)


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the number of its first line."""
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=max(",;\t", key=first.count))
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise SheetError(f"{path}, line {number}: {error}; mend its quotes") from error


def _line(number: int, values: Mapping[str, str], made_by: str) -> SheetLine:
    try:
        return SheetLine(number, _decision(values, made_by))
    except DecisionError as error:
        return SheetLine(number, None, str(error))


def _decision(values: Mapping[str, str], made_by: str) -> Decision:
    name = values["decision"].lower()
    if name not in DecisionKind.__members__:
        raise DecisionError(
            f"{values['decision'][:60]!r} is not a decision: it takes {', '.join(DecisionKind)}, or nothing"
        )
    kind = DecisionKind(name)
    ids = checked_ids(
        {source: values.get(column) for source, column in COLUMN_OF_SOURCE.items()},
        are_own=kind is not DecisionKind.reject,
    )
    if kind is DecisionKind.correct and not ids:
        raise DecisionError(
            f"a correction needs an id: fill in one of the columns {', '.join(COLUMN_OF_SOURCE.values())}"
        )
    source = values.get("source")
    return Decision(
        _library_id(values.get("library_id", "")),
        kind,
        checked_person(values.get("by") or made_by),
        ids or None,
        checked_source(source) if source else None,
        checked_note(values.get("note")),
        values.get("artist_name") or None,
        values.get("album_title") or None,
    )


def _library_id(text: str) -> int:
    if not (_NUMBER.fullmatch(text) and int(text) <= LARGEST_ID):
        raise DecisionError(f"{text[:60]!r} is not a library_id")
    return int(text)


def _without_repeats(lines: Sequence[SheetLine]) -> Iterator[SheetLine]:
    """The lines; one that decides a library row again is a problem. A row may have several rejections."""
    seen: dict[object, int] = {}
    for line in lines:
        if line.decision is None:
            yield line
            continue
        one = line.decision
        rejected = sorted((one.ids or {}).items()) if one.kind is DecisionKind.reject else None
        place = (one.library_id, one.source, str(rejected))
        before = seen.setdefault(place, line.number)
        if before != line.number:
            problem = f"library row {one.library_id} is decided on line {before} already"
            yield SheetLine(line.number, None, problem)
        else:
            yield line
