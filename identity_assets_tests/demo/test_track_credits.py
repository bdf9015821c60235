"""The seeded credits of compilations: as many as were published, and flawed in every way that the writer counts."""

from collections import Counter

import pytest
from sqlalchemy import text

from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.fixture_lml.tracks import credits_of
from identity_assets.demo.fixture_lml.wire import Question
from identity_assets.demo.track_credits import DEMO_TRACK_SIZES, CompilationTrack, folded
from identity_assets_tests.support import Shelf


@pytest.fixture(scope="module")
def published() -> Catalogue:
    return seeded_catalogue()


@pytest.fixture(scope="module")
def offered(published: Catalogue) -> dict[tuple[int, str, str | None], str | None]:
    """The position of each credit that the fixture LML can list, by library id, artist and title."""
    known = sorted(published.known_artists)
    return {
        (library_id, credit.artist_name, credit.track_title): credit.track_position
        for library_id, row in enumerate(published.rows, 1)
        if (row.code_volume_letters or "").startswith("Z")
        for credit in credits_of(
            Question(library_id=library_id, artist_name=row.artist_name or "", album_title=row.album_title),
            known,
            DEMO_TRACK_SIZES,
        )
    }


def key(track: CompilationTrack) -> tuple[int, str, str | None]:
    return (track.library_id, track.artist_name, track.track_title)


def test_each_compilation_has_credits_and_all_together_as_many_as_were_published(
    published: Catalogue,
) -> None:
    assert len({track.library_id for track in published.tracks}) == 6_300
    assert len(published.tracks) == pytest.approx(25_215, rel=0.01)
    assert all(published.rows[track.library_id - 1].code_volume_letters for track in published.tracks)


def test_the_unique_keys_and_the_lengths_of_backends_table_are_kept(published: Catalogue) -> None:
    assert max(Counter(map(key, published.tracks)).values()) == 1
    for track in published.tracks:
        assert 0 < len(track.artist_name) <= 255
        assert track.track_title is None or len(track.track_title) <= 255
        assert track.track_position is None or len(track.track_position) <= 20


def test_most_credits_are_those_that_lml_lists_and_the_rest_has_every_flaw(
    published: Catalogue, offered: dict[tuple[int, str, str | None], str | None]
) -> None:
    total = len(published.tracks)
    matching = [track for track in published.tracks if key(track) in offered]
    assert 0.9 < len(matching) / total < 0.97, "a few are spelt otherwise"
    assert len(offered) > len(matching) + 1_000, "some that LML lists are no credits"
    without_position = sum(track.track_position is None for track in matching)
    assert 0.25 < without_position / len(matching) < 0.35
    assert all(track.track_position in (None, offered[key(track)]) for track in matching)
    by_librarian = [track for track in published.tracks if track.track_artist_id]
    assert 0.015 < len(by_librarian) / total < 0.04
    for track in by_librarian:
        assert published.artists[(track.track_artist_id or 0) - 1] == track.artist_name
    assert sum(track.track_title is None for track in published.tracks) > 100


def test_some_artists_are_missing_and_some_have_a_namesake(published: Catalogue) -> None:
    spellings = Counter(map(folded, published.artists))
    artists = Counter(min(spellings[folded(track.artist_name)], 2) for track in published.tracks)
    assert artists[0] > 0.2 * len(published.tracks)
    assert artists[1] > 0.6 * len(published.tracks)
    assert 100 < artists[2] < 0.05 * len(published.tracks)


def test_names_are_folded_as_backend_folds_them(shelf: Shelf, published: Catalogue) -> None:
    names = [*published.artists[::20], "Björk", "The Ål", "ΣΊΣΥΦΟΣ", "ΤΈΛΟΣ"]
    with shelf.database.transaction() as connection:
        found = connection.execute(
            text("SELECT name, fold_artist_name(name) FROM unnest(CAST(:names AS text[])) AS name"),
            {"names": names},
        ).all()
    assert {name: there for name, there in found if folded(name) != there} == {}
