"""The gate report on a terminal, as `identity-assets gate` and the demo print it.

The figures and the advice come from backend/reports/gate.py. checks/gate.py shows them in the Dagster UI.
"""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from identity_assets.backend.reports.gate import REASONS, GateReport, advice
from identity_assets.gate_trend import GateMoment
from identity_assets.terminal.sentences import as_text
from identity_assets.wording import number_of

# The tables are as wide as each other, and narrower on a narrow terminal.
WIDTH = 64


def print_gate(console: Console, report: GateReport) -> None:
    """Print the whole report."""
    console.print(gate_table(report))


def print_trend(console: Console, trend: Sequence[GateMoment]) -> None:
    """Print the truly unresolved rows at the last evaluations in one paragraph; nothing if there were none."""
    if trend:
        figures = ", ".join(f"{one.truly_unresolved_rows:,}" for one in trend)
        since = f"{trend[0].evaluated_at:%d %b %H:%M} UTC"
        heading = f"The last {number_of(len(trend), 'evaluation')}, the oldest first, since {since}"
        console.print()
        console.print(Text.assemble((heading, "bold"), f": {figures}"))


def gate_table(report: GateReport) -> Group:
    """The figures with the gate's status, the unresolved rows by reason and by artist, and the advice."""
    tables = [_figures(report)]
    if report.truly_unresolved_rows:
        tables += [_by_reason(report), _by_artist(report)]
    parts: list[RenderableType] = []
    for table in tables:
        parts += [Constrain(table, WIDTH), Text()]
    return Group(*parts, Markdown(advice(report)))


def _figures(report: GateReport) -> Table:
    grid = _grid("Gate", "library rows")
    grid.add_row("  in all", f"{report.total_library_rows:,}")
    grid.add_row("  unresolved", f"{report.unresolved_rows:,}")
    grid.add_row("  of these, fallback-resolved", f"{report.fallback_resolved_rows:,}")
    grid.add_row(
        Text("  of these, truly unresolved", "bold"), Text(f"{report.truly_unresolved_rows:,}", "bold")
    )
    if report.decided_none_rows:
        grid.add_row("  of these, without an identity by decision", f"{report.decided_none_rows:,}")
    if report.compilations_with_known_tracks:
        grid.add_row(
            "  of these, compilations with known tracks", f"{report.compilations_with_known_tracks:,}"
        )
        grid.add_row("  truly unresolved without those", f"{report.truly_unresolved_rows_without_them:,}")
    verdict = f"{report.gate_status}: it passes below {report.threshold:,}"
    grid.add_row(Text(f"  {verdict}", "bold green" if report.gate_status == "PASS" else "bold red"), "")
    return grid


def _by_reason(report: GateReport) -> Table:
    grid = _grid("Truly unresolved, by reason", "library rows")
    for reason, rows in report.reasons:
        grid.add_row(f"  {REASONS[reason].label}", f"{rows:,}")
    return grid


def _by_artist(report: GateReport) -> Table:
    grid = _grid("Artists with the most of them", "library rows")
    for artist in report.top_artists:
        grid.add_row(Text(f"  {as_text(artist.artist_name)}"), f"{artist.truly_unresolved_rows:,}")
    return grid


def _grid(*heading: str) -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(*(Text(cell, "bold") for cell in heading))
    return grid
