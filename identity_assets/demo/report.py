"""What the demo prints: its numbers beside the published ones, and the track credits of its compilations."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from identity_assets.backend.database import Database, execute
from identity_assets.backend.reports.gate import GateReport
from identity_assets.demo.catalogue import PUBLISHED
from identity_assets.demo.station import Station
from identity_assets.postgres import statements
from identity_assets.terminal.run_pass import PassReport

NOTHING = "-"

WHY_NOT_LINKED = (
    ("LML cannot tell the artist", "track_rows_unresolved"),
    ("artist not in the catalogue", "track_rows_no_catalogue_artist"),
    ("artist more than once in the catalogue", "track_rows_ambiguous_artist"),
    ("no such credit", "track_rows_no_credit"),
    ("set aside, against the contract", "track_rows_invalid"),
)

_sql = statements(__file__)


@dataclass(frozen=True)
class TrackLinks:
    """Track credits of Backend: all, those linked to an artist by this project, and those linked by a librarian."""

    compilations: int
    credits: int
    linked: int
    by_librarian: int


def read_track_links(here: Station) -> TrackLinks:
    """The track credits as they are now."""
    with Database(here.settings, "demo") as database, database.transaction() as connection:
        return TrackLinks(**execute(connection, _sql("track_links.sql")).mappings().one())


def print_comparison(
    console: Console, library_rows: int, runs: Sequence[PassReport], tracks: TrackLinks
) -> None:
    """Print a table of the three runs. If the library has the published size, the published numbers stand beside."""
    canonical, full, again = runs
    published = library_rows == PUBLISHED.library_rows
    lines: list[tuple[str, int, int | None]] = [
        ("library rows", library_rows, PUBLISHED.library_rows),
        ("canonical: scanned", canonical.accounts.scanned, PUBLISHED.canonical_rows),
        ("canonical: resolved", canonical.accounts.resolved, PUBLISHED.canonical_resolved),
        ("canonical: unresolved", canonical.accounts.unresolved, PUBLISHED.canonical_unresolved),
        ("canonical: compilation", _compilations(canonical), 0),
        ("canonical: errors", _errors(canonical), 0),
        ("full: scanned", full.accounts.scanned, PUBLISHED.full_only_rows),
        ("full: compilation", _compilations(full), PUBLISHED.full_only_va),
        ("full: of these, tracks known", full.accounts.resolved_compilation, None),
        ("full: resolved", full.accounts.resolved, None),
        ("full: unresolved", full.accounts.unresolved, None),
        ("full: errors", _errors(full), None),
        ("again: asked of LML (calls)", again.lml_total_calls, None),
        ("compilations with track credits", tracks.compilations, None),
        ("track credits", tracks.credits, None),
        ("track credits: linked by LML's answers", tracks.linked, None),
        ("track credits: linked by a librarian", tracks.by_librarian, None),
        ("track credits: linked to nobody", tracks.credits - tracks.linked - tracks.by_librarian, None),
        *((f"LML's tracks: {name}", _in_all(runs, counter), None) for name, counter in WHY_NOT_LINKED),
    ]
    table = Table(title="What happened, beside what was published" if published else "What happened")
    table.add_column("")
    table.add_column("here", justify="right")
    if published:
        table.add_column("published", justify="right")
        table.add_column("")
    for name, here, there in lines:
        beside = _beside(here, there) if published else ()
        table.add_row(name, f"{here:,}", *beside)
    console.print(table)


def _beside(here: int, there: int | None) -> tuple[str, str]:
    """The published number, and whether ours is equal to it."""
    if there is None:
        return NOTHING, ""
    return f"{there:,}", "equal" if here == there else "DIFFERENT"


def gate_line(gates: Sequence[tuple[str, GateReport]]) -> str:
    """One line: the truly unresolved library rows at each of these moments."""
    figures = ", ".join(f"{name} {report.truly_unresolved_rows:,}" for name, report in gates)
    return f"truly_unresolved_rows: {figures}"


def _compilations(run: PassReport) -> int:
    """Compilations that LML was asked about, whether it knew their tracks or not."""
    return run.accounts.resolved_compilation + run.accounts.skipped.get("compilation", 0)


def _in_all(runs: Sequence[PassReport], counter: str) -> int:
    return sum(getattr(run, counter) for run in runs)


def _errors(run: PassReport) -> int:
    """Rows that were skipped, except compilations."""
    return sum(rows for reason, rows in run.accounts.skipped.items() if reason != "compilation")
