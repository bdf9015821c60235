"""What a run changed in the tracks of a compilation. The other tables are in terminal/test_changes_command.py."""

import pytest

from identity_assets.backend.preview.changes import Change
from identity_assets.backend.reports import changes_of_run as report
from identity_assets.backend.reports.changes_of_run import changes_of_run
from identity_assets.backend.undo.by_run import Writes, unwind
from identity_assets_tests.backend.writing.test_tracks import Compilations, track
from identity_assets_tests.support import Shelf, single_artist


def changes(shelf: Shelf, run_id: str) -> list[Change]:
    return list(changes_of_run(shelf.database, run_id))


def test_the_links_of_a_compilation_are_shown_from_what_to_what(shelf: Shelf) -> None:
    here = Compilations(shelf)
    anna = here.artist("Anna")
    here.credit("Anna", "One")
    here.answer(track("Anna", "One"), track("Bea", "Two"), run_id="first")
    [change] = changes(shelf, "first")
    assert (change.kind, change.changed_since) == ("new", False)
    assert change.columns["track Anna - One.track_artist_id"] == (None, anna)
    assert change.columns["track Anna - One.track_artist_link_method"] == (None, "lml_backfill")
    shelf.age(8)
    here.answer(track("Anna", "One", confidence=0.95, method="name_variation"), run_id="second")
    [change] = changes(shelf, "second")
    assert change.kind == "changed"
    assert change.columns == {"track Anna - One.track_artist_link_confidence": (1, 0.95)}
    # What the first run left is in the journal of the second.
    assert changes(shelf, "first")[0].columns["track Anna - One.track_artist_link_confidence"] == (None, 1)


def test_a_run_that_is_taken_back_while_it_is_listed_is_listed_whole(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "READ_AT_ONCE", 1)
    ids = shelf.put_many(["Anna", "Bea", "Cleo"])
    shelf.select(run_id="first")
    shelf.answer(*map(single_artist, ids), run_id="first")
    shelf.write(run_id="first")
    whole = changes(shelf, "first")
    listing = changes_of_run(shelf.database, "first")
    begun = [next(listing)]
    unwind(shelf.database, Writes({"first": None}), 100)
    assert [*begun, *listing] == whole
    assert [one.library_id for one in whole] == ids
    assert changes(shelf, "first") == []
