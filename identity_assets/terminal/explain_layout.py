"""The layout of the page of `identity-assets explain`: lines, pairs and tables.

The content of the page is in explain_page.py and explain_tables.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from identity_assets.terminal.sentences import NOTHING, as_text

# What a column that wraps needs at least.
FOLDED_WIDTH = 16


def line_of_text(line: str) -> Text:
    """One line, printed as it is: a name in it may look like markup."""
    return Text(as_text(line))


def pairs_table(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and their values, side by side."""
    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), line_of_text(value))
    return table


def folded_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, folded: str) -> Padding:
    """A table with a blank line above it, where it fits. Only the column `folded` wraps a long value."""
    return Padding(_FittingTable(columns, tuple(map(tuple, rows)), folded), (1, 0, 0, 0), expand=False)


@dataclass(frozen=True)
class _FittingTable:
    """A table, or a block of lines for each row where the table is wider than its place."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: str

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        if self._width() > options.max_width:
            yield from self._blocks()
            return
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for column in self.columns:
            table.add_column(column, no_wrap=column != self.folded, overflow="fold")
        for row in self.rows:
            table.add_row(*map(line_of_text, row))
        yield table

    def _width(self) -> int:
        """The columns that the table needs to be read."""
        widths = {
            name: max(cell_len(as_text(cell)) for cell in cells)
            for name, *cells in zip(self.columns, self.columns, *self.rows, strict=True)
        }
        widths[self.folded] = min(widths[self.folded], FOLDED_WIDTH)
        return sum(widths.values()) + 2 * (len(widths) - 1)

    def _blocks(self) -> RenderResult:
        """The first value of a row as a line, its other values below; nothing is said of empty ones."""
        for row in self.rows:
            named = [
                (name, value)
                for name, value in zip(self.columns, row, strict=True)
                if value not in {"", NOTHING}
            ]
            first, *others = (f"{name} {value}".strip() for name, value in named)
            yield line_of_text(first)
            yield Padding(line_of_text("; ".join(others)), (0, 0, 0, 2), expand=False)


def list_of_values(values: Mapping[str, Any]) -> str:
    """`name value, name value`, without the values that are None; `none` if there is no value."""
    return (
        ", ".join(f"{name} {as_text(value)}" for name, value in values.items() if value is not None) or "none"
    )
