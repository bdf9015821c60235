"""On a terminal of 40 or 80 columns no value of a table is cut, and no line is wider than the terminal."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from identity_assets.backend.preview.changes import Change, ChangeKind
from identity_assets.backend.reports.gate import read_gate
from identity_assets.terminal.changes_report import ChangesSample, print_changes_made
from identity_assets.terminal.explain_layout import folded_table, pairs_table
from identity_assets.terminal.gate_report import print_gate
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here

WIDTHS = (40, 80, 200)
MBID = "22f00632-9a06-4137-b042-ebbf66f5d411"


def terminal(width: int) -> Console:
    return Console(file=io.StringIO(), width=width)


def printed(console: Console) -> str:
    """All that was printed, without blanks: a long value may be wrapped."""
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= console.width
    return "".join(text.translate(str.maketrans("", "", "│┃")).split())


@pytest.mark.parametrize("width", WIDTHS)
def test_changes_are_readable(width: int) -> None:
    columns = {
        "musicbrainz_artist_id": (None, MBID),
        "musicbrainz.external_id": (None, MBID),
        "musicbrainz.method": (None, "name_variation"),
    }
    credit = "track The Prolnend Zeppelin - Track 11.track_artist_id"
    sample = ChangesSample()
    sample.add(Change(64_000, "The Lioxrear Cathedral", "The Pafeam Ribbon", ChangeKind.changed, columns))
    sample.add(Change(64_001, "Various Artists", "Tin Thistle", ChangeKind.new, {credit: (None, 12442)}))
    console = terminal(width)
    print_changes_made(console, "f" * 36, sample)
    shown = printed(console)
    assert f"musicbrainz_artist_id:-→{MBID}" in shown
    assert f"musicbrainz:external_id-→{MBID},method-→name_variation" in shown
    assert "trackTheProlnendZeppelin-Track11:track_artist_id-→12442" in shown
    for value in ("64000", "TheLioxrearCathedral", "ThePafeamRibbon", "64001", "TinThistle"):
        assert value in shown


def test_of_a_compilation_with_many_tracks_the_first_changes_are_shown() -> None:
    sample = ChangesSample()
    columns = {f"track Anna - {number}.track_artist_id": (None, 1) for number in range(500)}
    sample.add(Change(1, "Various Artists", "Box", ChangeKind.new, columns))
    console = terminal(80)
    print_changes_made(console, "f" * 36, sample)
    assert "and488more" in printed(console)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_table_of_explain_is_readable(width: int) -> None:
    names = ("at", "credit", "artist", "why", "sources")
    row = ("A11", "The Prolnend Zeppelin", "-", "the catalogue has no such artist", f"musicbrainz {MBID}")
    console = terminal(width)
    console.print(folded_table(names, [row], folded="credit"))
    shown = printed(console)
    for value in row:
        assert "".join(value.split()) in shown


def test_names_and_values_side_by_side_are_not_cut() -> None:
    console = terminal(40)
    console.print(pairs_table([("distinct_unresolved_sources", "-"), ("empty", MBID)]))
    shown = printed(console)
    assert len(shown) == len(f"distinct_unresolved_sources-empty{MBID}")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_gate_is_readable(width: int, shelf: Shelf) -> None:
    shelf.put("Known 1")
    shelf.run(
        "UPDATE artists SET artist_name = 'Grutleasteark & the Sleeping Portraits of the Own Orchestra'"
    )
    console = terminal(width)
    print_gate(console, read_gate(shelf.database, threshold=1))
    shown = printed(console)
    for word in ("truly", "unresolved", "library", "rows", "Sleeping", "Portraits", "Own", "Orchestra"):
        assert word in shown


def test_status_keeps_a_duration_and_its_unit_together(
    shelf: Shelf, env: dict[str, str], tmp_path: object
) -> None:
    home = str(tmp_path)
    shelf.put("Known 1")
    assert call_here("run", "--scope", "full", env={**env, "DAGSTER_HOME": home}).returncode == 0
    shown = call_here("status", env={**env, "DAGSTER_HOME": home, "COLUMNS": "40"}).stdout.splitlines()
    assert max(map(len, shown)) <= 40
    assert any(line.strip().startswith("00 to 15  ") and line.rstrip().endswith(" s") for line in shown)
