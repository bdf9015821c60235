"""The sections of the explain page that show rows of the identity tables: what is written, and what it replaced."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table

from identity_assets.backend.reports.story_records import Story, TableRow
from identity_assets.terminal.explain_layout import folded_table, line_of_text, list_of_values, pairs_table
from identity_assets.terminal.sentences import NOTHING, as_text, format_time, writer_of

# Columns of a history row that the table shows in a column of its own, or leaves out.
NOT_IN_DETAILS = {
    *("history_id", "library_id", "method", "confidence", "last_verified_at", "distinct_unresolved_sources"),
    *("superseded_at", "superseded_reason", "reason_category"),
}


def written_rows(story: Story) -> Iterator[RenderableType]:
    """The main row, the source rows and the unresolved attempt, with the writer of each."""
    if (taken_back := _taken_back_at(story)) is not None:
        yield line_of_text(
            f"Taken back on {format_time(taken_back)}: an unwind put back what stood before, which is what follows."
        )
    if story.main_row is None:
        yield line_of_text("No main row: the artist is not known.")
    else:
        yield line_of_text(f"Main row, written by {writer_of(story.main_row)}:")
        yield Padding(_main_row(story.main_row), (0, 0, 0, 2), expand=False)
    if story.source_rows:
        yield from _source_rows(story.source_rows)
    else:
        yield line_of_text("No source rows.")
    if story.sidecar is not None:
        yield line_of_text(
            f"Sidecar: LML was asked {_times(story.sidecar.attempts)} and found no artist ({story.sidecar.kind}): "
            f"first on {format_time(story.sidecar.first_attempted_at)}, "
            f"last on {format_time(story.sidecar.attempted_at)} by run {as_text(story.sidecar.run_id)}."
        )


def _taken_back_at(story: Story) -> datetime | None:
    """When an unwind replaced or removed the main row, if nothing has changed the main row since."""
    newest = story.history[0] if story.history else None
    if newest is None or newest["superseded_reason"] != "unwind":
        return None
    taken_back = newest["superseded_at"]
    assert isinstance(taken_back, datetime)
    verified_at = None if story.main_row is None else story.main_row["last_verified_at"]
    # A main row that was written after the unwind replaced nothing if the unwind had removed the old one.
    return None if verified_at is not None and verified_at > taken_back else taken_back


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _main_row(row: TableRow) -> Table:
    filled = {name: value for name, value in row.items() if value is not None and name != "library_id"}
    empty = [name for name, value in row.items() if value is None]
    return pairs_table(
        [*((name, as_text(value)) for name, value in filled.items()), ("empty", ", ".join(empty) or NOTHING)]
    )


def _source_rows(rows: Sequence[TableRow]) -> Iterator[RenderableType]:
    """One line for each writer with its sources, then all rows as a table."""
    columns = {
        "source": "source row",
        "external_id": "external id",
        "method": "method",
        "confidence": "confidence",
        "last_verified_at": "verified, UTC",
    }
    if any(row["boost_sources"] is not None for row in rows):
        columns["boost_sources"] = "boosted by"
    writers: dict[str, list[str]] = {}
    for row in rows:
        writers.setdefault(writer_of(row), []).append(as_text(row["source"]))
    for writer, sources in writers.items():
        yield line_of_text(f"Source rows written by {writer}: {', '.join(sources)}.")
    yield folded_table(
        list(columns.values()), ([_cell(row[name]) for name in columns] for row in rows), folded="external id"
    )


def history_rows(rows: Sequence[TableRow]) -> Iterator[RenderableType]:
    """The main rows that a different one replaced, the newest first."""
    if not rows:
        yield line_of_text("Nothing: no main row of this library row was ever replaced by a different one.")
        return
    yield line_of_text(f"{len(rows)} main row{'s' * (len(rows) > 1)}, the newest first.")
    yield folded_table(
        ("replaced, UTC", "why", "verified, UTC", "what it held"),
        map(_history_line, rows),
        folded="what it held",
    )


def _history_line(row: TableRow) -> list[str]:
    why = [row["superseded_reason"], row.get("reason_category")]
    held = {name: value for name, value in row.items() if name not in NOT_IN_DETAILS}
    return [
        _cell(row["superseded_at"]),
        ", ".join(as_text(one) for one in why if one is not None),
        _cell(row["last_verified_at"]),
        f"{as_text(row['method'])} {as_text(row['confidence'])}; {list_of_values(held)}",
    ]


def _cell(value: Any) -> str:
    """A value for a column whose heading says that times are in UTC."""
    return as_text(value).removesuffix(" UTC") if isinstance(value, datetime) else as_text(value)
