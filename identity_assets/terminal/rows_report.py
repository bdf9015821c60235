"""How a list of library rows is printed: as a table, or as the lines of a worksheet."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from identity_assets.backend.reports.rows import DECISION_COLUMNS, ListedRow
from identity_assets.terminal.output import is_narrow, print_block
from identity_assets.terminal.sentences import NOTHING, as_text

WORKSHEET = ("library_id", "artist_name", "album_title", "state", "reason", "lml_said", *DECISION_COLUMNS)
"""The columns of the CSV. A person fills the last ones in, and `correct --csv` reads the file back."""


def worksheet_lines(row: ListedRow) -> Iterator[Sequence[object]]:
    """The row as a line of the worksheet for each decision about it; one line if no person decided."""
    for decision in row.decisions or ({},):
        yield (
            *(row.library_id, row.artist_name, row.album_title, row.state, row.due.why, row.lml_said),
            *(decision.get(name) for name in DECISION_COLUMNS),
        )


def print_rows(console: Console, rows: Sequence[ListedRow]) -> None:
    """Print the rows: a table with one line each, or on a narrow terminal two lines each."""
    if is_narrow(console):
        for row in rows:
            said, outcome = as_text(row.lml_said) or NOTHING, as_text(row.outcome)
            print_block(
                console,
                f"{row.library_id}  {as_text(row.artist_name)}: {as_text(row.album_title)}",
                f"{row.state}, {row.due.why}; LML said: {said}; outcome: {outcome}",
            )
        return
    table = Table()
    table.add_column("library_id", justify="right", no_wrap=True)
    for name in ("artist", "title", "state", "reason", "LML said", "outcome"):
        table.add_column(name, overflow="fold", no_wrap=name in {"state", "reason"})
    for row in rows:
        table.add_row(
            str(row.library_id),
            as_text(row.artist_name),
            as_text(row.album_title),
            row.state,
            str(row.due.why),
            as_text(row.lml_said) or NOTHING,
            as_text(row.outcome),
        )
    console.print(table)
