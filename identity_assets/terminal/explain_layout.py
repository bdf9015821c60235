"""The layout of the page of `identity-assets explain`: lines, pairs and tables.

The content of the page is in explain_page.py and explain_tables.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from identity_assets.terminal.sentences import as_text


def line_of_text(line: str) -> Text:
    """One line, printed as it is: a name in it may look like markup."""
    return Text(as_text(line))


def pairs_table(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and their values, side by side."""
    table = Table.grid(padding=(0, 2))
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), line_of_text(value))
    return table


def folded_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, folded: str) -> Padding:
    """A table with a blank line above it. Only the column `folded` wraps a long value."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != folded, overflow="fold")
    for row in rows:
        table.add_row(*map(line_of_text, row))
    return Padding(table, (1, 0, 0, 0), expand=False)


def list_of_values(values: Mapping[str, Any]) -> str:
    """`name value, name value`, without the values that are None; `none` if there is no value."""
    return (
        ", ".join(f"{name} {as_text(value)}" for name, value in values.items() if value is not None) or "none"
    )
