"""The tracks of somebody's own CSV become credits of the compilations, and their artists become artists."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from identity_assets.demo.backend_tables import create_backend_tables, load_catalogue
from identity_assets.demo.csv_input.releases import CsvReleases, read_releases
from identity_assets.demo.csv_input.text import CsvError
from identity_assets.demo.csv_input.tracks import add_tracks
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.track_credits import CompilationTrack

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "freemusi-cc"

RELEASES = "id,artist,album\nva1,Various Artists,Hits\nva2,Various,More Hits\nsolo,Björk,Debut\n"


def read(tmp_path: Path, tracks: str, releases: str = RELEASES) -> CsvReleases:
    (tmp_path / "releases.csv").write_text(releases, encoding="utf-8")
    (tmp_path / "tracks.csv").write_text(tracks, encoding="utf-8")
    return add_tracks(read_releases(tmp_path / "releases.csv"), tmp_path / "tracks.csv")


def test_the_tracks_of_compilations_become_credits_and_the_others_are_counted(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,track,title,trackartist\n"
        "va1,1,One,Ants\n"
        "va1,2,,Bees\n"
        "va1,3,One,Ants\n"
        "va2,1,Two,\n"
        "solo,1,Human Behaviour,Björk\n"
        "gone,1,Three,Wasps\n"
        "va2,2,Four, BJÖRK \n",
    )
    assert found.catalogue.tracks == (
        CompilationTrack(1, "Ants", "One", "1"),
        CompilationTrack(1, "Bees", None, "2"),
        CompilationTrack(2, "BJÖRK", "Four", "2"),
    )
    assert found.messages[-4:] == (
        "3 credits on 2 compilations; tracks left out: 1 with the artist and title of an earlier track, 1 without an "
        "artist, 1 of releases by one artist, 1 of a release that is not in the catalogue",
        '  "Hits", track 1: artist "Ants", title "One"',
        '  "Hits", track 2: artist "Bees", title ""',
        '  "More Hits", track 2: artist "BJÖRK", title "Four"',
    )


def test_each_track_artist_is_an_artist_once_under_any_spelling(tmp_path: Path) -> None:
    found = read(
        tmp_path, "id,track,title,trackartist\nva1,1,A,Ants\nva1,2,B,ants\nva2,1,C,Bjork\nva2,2,D,Bees\n"
    )
    assert found.catalogue.artists == ("Various Artists", "Various", "Björk", "Ants", "Bees")
    assert found.catalogue.lml_has_tracks


def test_names_and_positions_are_cut_to_backends_columns(tmp_path: Path) -> None:
    (track,) = read(
        tmp_path, f"id,position,title,artist\nva1,{'1' * 40},{'t' * 300},{'a' * 300}\n"
    ).catalogue.tracks
    assert (len(track.artist_name), len(track.track_title or ""), len(track.track_position or "")) == (
        255,
        255,
        20,
    )


def test_tracks_that_cannot_be_joined_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CsvError, match="cannot be joined: the file of the releases has no column id"):
        read(tmp_path, "id,title,artist\nva1,A,B\n", "artist,album\nVarious Artists,Hits\n")
    with pytest.raises(CsvError, match=r"has no column for the release id .*; name one of them id"):
        read(tmp_path, "album,title,artist\nHits,A,B\n")


@pytest.fixture
def backend(postgres: EmbeddedPostgres) -> Iterator[Connection]:
    postgres.create_database("csv_tracks", fresh=True)
    with closing(psycopg2.connect(postgres.url("csv_tracks").replace("+psycopg2", ""))) as connection:
        create_backend_tables(connection)
        yield connection


def test_the_real_tracks_reach_the_tables_and_every_artist_is_found_by_the_folded_name(
    backend: Connection,
) -> None:
    if not REAL.exists():
        pytest.skip("the real catalogue ../shared/data/freemusi-cc is not here")
    found = add_tracks(read_releases(REAL / "releases.csv"), REAL / "tracks.csv")
    assert load_catalogue(backend, found.catalogue) == 2_289
    with backend.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT library_id) FROM compilation_track_artist")
        assert cursor.fetchone() == (6_839, 386)
        cursor.execute(
            "SELECT (SELECT count(*) FROM artists WHERE fold_artist_name(artists.artist_name) = "
            "fold_artist_name(credit.artist_name)) FROM compilation_track_artist AS credit"
        )
        artists = Counter(count for (count,) in cursor.fetchall())
    assert artists[0] == 0
    assert artists[1] > 6_700
