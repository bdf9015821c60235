"""The tracks of compilations, in the words of the contract: which answers count, and what they make of credits."""

from collections.abc import Mapping
from typing import Any

import pytest

from identity_assets.backend.reports.integrity import read_asked_twice, read_bad_track_links, read_unbalanced
from identity_assets.backend.undo.by_run import Writes, unwind
from identity_assets.backend.undo.by_writer import unwind_notes
from identity_assets.backend.writing.replay import replay
from identity_assets.backend.writing.verdicts import LML_BULK
from identity_assets.backend.writing.written import Written
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance


def track(artist: str, title: str | None = "One", **changes: Any) -> dict[str, Any]:
    """One entry of `tracks`, resolved to the same name unless `changes` say otherwise."""
    entry = {
        "artist_name": artist,
        "track_title": title,
        "track_position": None,
        "resolved_artist_name": artist,
        "confidence": 1.0,
        "method": "exact_match",
        "sources": [provenance("discogs", "exact_match", 1.0, f"d-{artist}")],
    }
    return {**entry, **changes}


def compilation(library_id: int, *tracks: Mapping[str, Any], attempted: bool | None = True) -> dict[str, Any]:
    """LML's answer about a compilation with these tracks."""
    return {**nothing(library_id, "compilation"), "tracks_attempted": attempted, "tracks": list(tracks)}


def count_statements(shelf: Shelf) -> None:
    """Count from now on, in the table statement_sent, every statement that reaches the credits."""
    shelf.run(
        "CREATE TABLE statement_sent (count int); INSERT INTO statement_sent VALUES (0);"
        "CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN UPDATE statement_sent SET count = count + 1; RETURN NULL; END $$;"
        "CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON compilation_track_artist "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_statement()"
    )


class Compilations:
    """A shelf with a V/A release, its credits, and the station's artists."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.id = shelf.put("Various Artists", "Sampler", volume="Z")
        count_statements(shelf)

    def artist(self, name: str) -> int:
        """Put an artist into the catalogue."""
        return int(
            self.shelf.rows(
                "INSERT INTO artists (id, artist_name) SELECT max(id) + 1, :name FROM artists RETURNING id",
                name=name,
            )[0]["id"]
        )

    def credit(self, artist: str, title: str | None = "One", **columns: Any) -> int:
        """Put a credit on the release."""
        values = {"library_id": self.id, "artist_name": artist, "track_title": title, **columns}
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        made = self.shelf.rows(
            f"INSERT INTO compilation_track_artist ({names}) VALUES ({marks}) RETURNING id", **values
        )
        self.shelf.run("UPDATE statement_sent SET count = 0")
        return int(made[0]["id"])

    def answer(self, *tracks: Mapping[str, Any], run_id: str = "run", **how: Any) -> Written:
        """A pass in which LML gives this answer."""
        attempted = how.pop("attempted", True)
        self.shelf.select(run_id=run_id)
        self.shelf.answer(compilation(self.id, *tracks, attempted=attempted), run_id=run_id, **how)
        return self.shelf.write(run_id=run_id)

    def later(self, *tracks: Mapping[str, Any], run_id: str = "later", **how: Any) -> Written:
        """The same after the window has ended."""
        self.shelf.age(8)
        return self.answer(*tracks, run_id=run_id, **how)

    def link(self, credit_id: int) -> tuple[Any, ...]:
        """The credit's artist, confidence, method and position."""
        [row] = self.shelf.rows(
            "SELECT track_artist_id, track_artist_link_confidence, track_artist_link_method, track_position "
            "FROM compilation_track_artist WHERE id = :id",
            id=credit_id,
        )
        return tuple(row.values())

    def evidence(self) -> list[dict[str, Any]]:
        """The evidence of all tracks."""
        return self.shelf.rows(
            "SELECT artist_name, track_title, source, external_id, method, confidence, notes "
            "FROM library_track_identity_source ORDER BY artist_name, track_title, source"
        )

    def statements(self) -> int:
        """How many statements have reached the credits."""
        return int(self.shelf.rows("SELECT count FROM statement_sent")[0]["count"])

    def outcome(self) -> str | None:
        """The outcome of the release in the last pass."""
        return self.shelf.outcomes()[self.id]

    def sidecar(self) -> list[dict[str, Any]]:
        """The unresolved attempt."""
        return self.shelf.rows("SELECT kind FROM library_unresolved")

    def is_selected_after(self, days: float) -> bool:
        """Whether a pass so much later selects the release."""
        self.shelf.age(days)
        return self.shelf.select() == 1


@pytest.fixture
def release(shelf: Shelf) -> Compilations:
    return Compilations(shelf)


UNLINKED = (None, None, None, None)


# The five states of the pair, and the marker.


def test_not_asked_for_the_row_is_asked_again_with_tracks_and_nothing_is_written(
    release: Compilations,
) -> None:
    release.shelf.select()
    release.shelf.answer(nothing(release.id, "compilation"), include_tracks=False)
    release.shelf.write()
    assert release.outcome() is None
    assert release.shelf.tables()["ledger"][0]["cohort"] == "va"
    assert release.sidecar() == []

    release.shelf.answer(compilation(release.id))
    release.shelf.write()
    assert release.outcome() == "resolved_compilation"
    assert read_asked_twice(release.shelf.database, release.shelf.settings).count == 0


def test_null_and_null_though_asked_for_is_a_compilation_in_the_sidecar(release: Compilations) -> None:
    release.shelf.select()
    release.shelf.answer(nothing(release.id, "compilation"))
    release.shelf.write()
    assert (release.outcome(), release.sidecar()) == ("compilation", [{"kind": "compilation"}])


def test_not_yet_visited_is_a_compilation_and_asked_again_after_the_retry_window(
    release: Compilations,
) -> None:
    credit = release.credit("Anna")
    release.artist("Anna")
    release.answer(attempted=False)
    assert (release.outcome(), release.sidecar()) == ("compilation", [{"kind": "compilation"}])
    assert release.link(credit) == UNLINKED
    assert not release.is_selected_after(6)
    assert release.is_selected_after(1.1)
    assert release.shelf.tables()["ledger"][0]["reason"] == "retry_due"


def test_the_matcher_found_nothing_is_resolved_and_due_again_as_stale(release: Compilations) -> None:
    release.answer()
    assert (release.outcome(), release.sidecar()) == ("resolved_compilation", [])
    assert not release.is_selected_after(6)
    assert release.is_selected_after(1.1)
    assert release.shelf.tables()["ledger"][0]["reason"] == "stale"


def test_the_matcher_ran_links_the_credit_to_the_artist(release: Compilations) -> None:
    anna, credit = release.artist("Ánna"), release.credit("Anna N.")
    written = release.answer(
        track("Anna N.", resolved_artist_name="ANNA", method="name_variation", confidence=0.95)
    )
    assert release.outcome() == "resolved_compilation"
    assert release.link(credit) == (anna, pytest.approx(0.95), "lml_backfill", None)
    assert written.track_rows_written == 1
    [evidence] = release.evidence()
    assert evidence == {
        "artist_name": "Anna N.",
        "track_title": "One",
        "source": "discogs",
        "external_id": "d-Anna N.",
        "method": "exact_match",
        "confidence": 1.0,
        "notes": LML_BULK,
    }
    assert read_unbalanced(release.shelf.database, EVERY_BUCKET).count == 0
    assert read_bad_track_links(release.shelf.database).count == 0


def test_entries_though_not_attempted_are_read_as_attempted(release: Compilations) -> None:
    anna, credit = release.artist("Anna"), release.credit("Anna")
    release.answer(track("Anna"), attempted=False)
    assert release.outcome() == "resolved_compilation"
    assert release.link(credit)[0] == anna


@pytest.mark.parametrize("version", [None, 2])
def test_a_producer_without_the_marker_links_nothing(release: Compilations, version: int | None) -> None:
    credit = release.credit("Anna")
    release.artist("Anna")
    release.answer(track("Anna"), version=version)
    assert (release.outcome(), release.sidecar()) == ("compilation", [{"kind": "compilation"}])
    assert release.link(credit) == UNLINKED
    assert release.evidence() == []


def test_an_attempt_is_forgotten_when_the_compilation_is_resolved(release: Compilations) -> None:
    release.answer(attempted=False)
    release.later()
    assert (release.outcome(), release.sidecar()) == ("resolved_compilation", [])


# Which credits are linked.


def test_a_credit_without_a_title_is_linked_by_an_entry_without_one(release: Compilations) -> None:
    anna = release.artist("Anna")
    untitled, titled = release.credit("Anna", None), release.credit("Anna", "")
    release.answer(track("Anna", None))
    assert release.link(untitled)[0] == anna
    assert release.link(titled) == UNLINKED


@pytest.mark.promise("manual")
def test_a_librarians_row_is_never_changed(release: Compilations) -> None:
    anna, other = release.artist("Anna"), release.artist("Other")
    credit = release.credit("Anna", track_artist_id=other, track_artist_link_method="librarian")
    written = release.answer(track("Anna", track_position="A1"))
    assert anna != other
    assert release.link(credit) == (other, None, "librarian", None)
    assert (written.track_rows_librarian, release.statements()) == (1, 0)


def test_an_ambiguous_name_links_nobody(release: Compilations) -> None:
    release.artist("Anna")
    release.artist("ÁNNA")
    credit = release.credit("Anna")
    written = release.answer(track("Anna"))
    assert release.link(credit) == UNLINKED
    assert (written.track_rows_ambiguous_artist, release.statements()) == (1, 0)


def test_two_entries_that_resolve_one_credit_differently_link_nobody(release: Compilations) -> None:
    release.artist("Anna")
    release.artist("Berta")
    credit = release.credit("Both")
    written = release.answer(
        track("Both", resolved_artist_name="Anna"), track("Both", resolved_artist_name="Berta")
    )
    assert release.link(credit) == UNLINKED
    assert written.track_rows_ambiguous_artist == 1


def test_each_track_is_counted_once_and_under_one_name(release: Compilations) -> None:
    for name in ("Anna", "Clara"):
        release.artist(name)
        release.credit(name)
    release.credit("Guest")
    release.credit("Dunno")
    written = release.answer(
        track("Anna"),
        track("Clara"),
        track("Guest"),
        track("Nobody's"),
        track("Dunno", resolved_artist_name=None, confidence=None, method=None, sources=[]),
        track("Anna", confidence=0.2),
    )
    assert (
        written.track_rows_written,
        written.track_rows_no_catalogue_artist,
        written.track_rows_no_credit,
        written.track_rows_unresolved,
        written.track_rows_invalid,
    ) == (2, 1, 1, 1, 1)


# Positions.


def test_a_null_position_is_filled_with_the_only_one_that_is_offered(release: Compilations) -> None:
    credit, full = release.credit("Guest"), release.credit("Guest", "Two", track_position="B2")
    written = release.answer(
        track("Guest", track_position="A1"),
        track("Guest", track_position="A1"),
        track("Guest", "Two", track_position="C3"),
    )
    assert release.link(credit) == (None, None, None, "A1")
    assert release.link(full)[3] == "B2"
    assert written.positions_written == 1


def test_an_ambiguous_position_is_not_filled(release: Compilations) -> None:
    credit = release.credit("Guest")
    written = release.answer(track("Guest", track_position="A1"), track("Guest", track_position="A2"))
    assert release.link(credit) == UNLINKED
    assert (written.positions_ambiguous, written.positions_written, release.statements()) == (1, 0, 0)


def test_a_40_character_position_is_not_filled_and_the_credit_is_linked(release: Compilations) -> None:
    anna, credit = release.artist("Anna"), release.credit("Anna")
    written = release.answer(track("Anna", track_position="A" * 40))
    assert release.link(credit) == (anna, 1.0, "lml_backfill", None)
    assert written.rows_refused == 0


# Later answers.


def test_a_second_run_sends_nothing_to_the_credits(release: Compilations) -> None:
    release.artist("Anna")
    release.credit("Anna")
    release.answer(track("Anna", track_position="A1"))
    assert release.statements() == 1
    written = release.later(track("Anna", track_position="A1"))
    assert release.outcome() == "resolved_compilation"
    assert (written.track_rows_written, written.track_rows_unchanged, release.statements()) == (0, 1, 1)


@pytest.mark.parametrize(
    "later",
    [
        [],
        [track("Anna", resolved_artist_name=None)],
        [track("Anna", resolved_artist_name="Nobody Here")],
    ],
    ids=["not listed", "could not tell", "another name"],
)
def test_a_later_answer_that_no_longer_links_takes_the_link_away(
    release: Compilations, later: list[dict[str, Any]]
) -> None:
    release.artist("Anna")
    credit = release.credit("Anna")
    release.answer(track("Anna", track_position="A1"))
    written = release.later(*later)
    assert release.link(credit) == (None, None, None, "A1")
    assert written.track_links_removed == 1
    assert len(release.evidence()) == len(later)


def test_a_later_answer_that_says_nothing_of_tracks_leaves_the_link(release: Compilations) -> None:
    anna, credit = release.artist("Anna"), release.credit("Anna")
    release.answer(track("Anna"))
    release.later(attempted=False)
    assert release.outcome() == "compilation"
    assert release.link(credit)[0] == anna


def test_a_catalogue_artist_renamed_in_between_loses_the_link(release: Compilations) -> None:
    anna, credit = release.artist("Anna"), release.credit("Anna")
    release.answer(track("Anna"))
    release.shelf.run("UPDATE artists SET artist_name = 'Anna Two' WHERE id = :id", id=anna)
    written = release.later(track("Anna"))
    assert release.link(credit) == UNLINKED
    assert (written.track_rows_no_catalogue_artist, written.track_links_removed) == (1, 1)


def test_a_catalogue_artist_renamed_between_answer_and_link_is_looked_up_as_it_is_now(
    release: Compilations,
) -> None:
    anna, credit = release.artist("Ana"), release.credit("Anna")
    release.shelf.select()
    release.shelf.answer(compilation(release.id, track("Anna")))
    release.shelf.run("UPDATE artists SET artist_name = 'Anna' WHERE id = :id", id=anna)
    release.shelf.write()
    assert release.link(credit)[0] == anna


@pytest.mark.promise("killed")
def test_a_run_killed_between_answer_and_link_is_finished_by_the_next_without_asking(
    release: Compilations,
) -> None:
    anna, credit = release.artist("Anna"), release.credit("Anna")
    release.shelf.select()
    release.shelf.answer(compilation(release.id, track("Anna")))

    assert release.shelf.select(run_id="next") == 1
    [row] = release.shelf.rows("SELECT answered_at IS NOT NULL AS answered FROM ledger")
    assert row["answered"]
    release.shelf.write(run_id="next")
    assert release.link(credit)[0] == anna
    assert release.outcome() == "resolved_compilation"


def test_a_run_killed_before_it_asked_again_with_tracks_asks_in_the_next(release: Compilations) -> None:
    plain = release.shelf.put("Odd Sampler", "No letters")
    release.shelf.select()
    release.shelf.answer(compilation(release.id), nothing(plain, "compilation"), include_tracks=False)

    release.shelf.select(run_id="next")
    rows = release.shelf.rows("SELECT cohort, answered_at FROM ledger WHERE library_id = :id", id=plain)
    assert rows == [{"cohort": "va", "answered_at": None}]


def test_one_bad_entry_among_2364_sets_only_itself_aside(release: Compilations) -> None:
    names = [f"Artist {number}" for number in range(2_364)]
    release.shelf.run(
        "INSERT INTO artists (id, artist_name) SELECT 1000 + n, 'Artist ' || n FROM generate_series(0, 2363) AS n"
    )
    release.shelf.run(
        "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) "
        "SELECT :id, 'Artist ' || n, 'One' FROM generate_series(0, 2363) AS n",
        id=release.id,
    )
    release.answer(*map(track, names))
    later = [track(name) for name in names]
    later[7]["confidence"] = "high"
    written = release.later(*later)
    assert (written.track_rows_unchanged, written.track_rows_invalid, written.track_links_removed) == (
        2_363,
        1,
        0,
    )
    assert len(release.evidence()) == 2_364
    assert release.outcome() == "resolved_compilation"


# Taking back, replaying, forgetting.


def everything(release: Compilations) -> tuple[Any, ...]:
    return (
        release.shelf.rows(
            "SELECT id, track_artist_id, track_artist_link_confidence, track_artist_link_method, track_position "
            "FROM compilation_track_artist ORDER BY id"
        ),
        release.shelf.rows(
            "SELECT * FROM library_track_identity_source ORDER BY artist_name, track_title, source"
        ),
    )


def two_runs(release: Compilations) -> list[tuple[Any, ...]]:
    """The tables before, between and after two runs that differ."""
    for name in ("Anna", "Berta", "Clara"):
        release.artist(name)
        release.credit(name)
    release.credit("Anna", None)
    states = [everything(release)]
    release.answer(track("Anna"), track("Berta", track_position="A2"), track("Anna", None), run_id="first")
    release.shelf.age(8)
    states.append(everything(release))
    release.answer(track("Anna"), track("Clara"), run_id="second")
    states.append(everything(release))
    assert states[0] != states[1] != states[2]
    return states


def test_unwinding_puts_credits_and_evidence_back_as_they_stood(release: Compilations) -> None:
    before, between, _after = two_runs(release)
    gone = unwind(release.shelf.database, Writes({"second": None}), 100)
    assert (gone.rows, gone.left_alone) == (1, ())
    assert everything(release) == between
    unwind(release.shelf.database, Writes({"first": None}), 100)
    assert everything(release) == before


def test_unwinding_an_answer_that_found_nothing_makes_the_release_due(release: Compilations) -> None:
    release.answer()
    assert unwind(release.shelf.database, Writes({"run": None}), 100).rows == 1
    assert release.shelf.select() == 1


def test_unwinding_leaves_a_credit_that_a_librarian_has_set_since(release: Compilations) -> None:
    other = release.artist("Other")
    release.artist("Anna")
    credit, second = release.credit("Anna"), release.credit("Anna", "Two")
    release.answer(track("Anna"), track("Anna", "Two"))
    release.shelf.run(
        "UPDATE compilation_track_artist SET track_artist_id = :other, track_artist_link_method = 'librarian' "
        "WHERE id = :id",
        other=other,
        id=credit,
    )
    assert unwind(release.shelf.database, Writes({"run": None}), 100).rows == 1
    assert release.link(credit)[:3] == (other, 1.0, "librarian")
    assert release.link(second) == UNLINKED


def test_unwinding_all_that_lml_wrote_takes_links_and_evidence_away_and_can_be_unwound(
    release: Compilations,
) -> None:
    _before, _between, after = two_runs(release)
    unwind_notes(release.shelf.database, LML_BULK, 100, run_id="away")
    assert release.evidence() == []
    assert release.shelf.rows("SELECT FROM compilation_track_artist WHERE track_artist_id IS NOT NULL") == []
    assert release.shelf.select() == 1
    unwind(release.shelf.database, Writes({"away": None}), 100)
    assert everything(release) == after


def test_replay_links_a_credit_that_came_after_the_answer(release: Compilations) -> None:
    anna = release.artist("Anna")
    release.answer(track("Anna"))
    credit = release.credit("Anna")
    replayed = replay(release.shelf.database, EVERY_BUCKET, release.shelf.settings, run_id="again")
    assert replayed.written.track_rows_written == 1
    assert release.link(credit)[0] == anna


def test_evidence_of_a_release_that_is_gone_is_forgotten(release: Compilations) -> None:
    release.answer(track("Anna"))
    release.shelf.delete_release(release.id)
    release.shelf.select()
    assert release.evidence() == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("UPDATE compilation_track_artist SET track_artist_id = NULL", "the artist is gone"),
        (
            "UPDATE compilation_track_artist SET track_artist_link_confidence = 0.1",
            "no method has this confidence",
        ),
        (
            'UPDATE journal_image SET image = image || \'{"track_artist_link_method": "librarian"}\'',
            "a librarian had decided it",
        ),
        ("UPDATE library_track_identity_source SET confidence = 0.5", "discogs: outside 1 to 1"),
    ],
)
def test_a_link_that_does_not_hold_is_found(release: Compilations, spoil: str, says: str) -> None:
    release.artist("Anna")
    release.credit("Anna")
    release.answer(track("Anna"))
    assert read_bad_track_links(release.shelf.database).count == 0
    release.shelf.run(spoil)
    found = read_bad_track_links(release.shelf.database)
    assert (found.count, found.sample[0]["disagreement"]) == (1, says)
