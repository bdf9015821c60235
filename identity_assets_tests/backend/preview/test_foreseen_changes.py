"""What a dry run foresees is what the run then changes: the same library rows, kinds and columns.

Random passes over a small library, with LML over real HTTP. Between two passes people and the legs write too.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.backend.ledger.verdicts import ask_and_store
from identity_assets.backend.preview.changes import PREDICTED
from identity_assets.backend.preview.dry_run import dry_run
from identity_assets.backend.reports.changes_of_run import changes_of_run
from identity_assets.backend.writing.corrections import write_decisions
from identity_assets.backend.writing.decisions import Decision, DecisionKind
from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.lml.client import client_of
from identity_assets.settings import Scope, Settings
from identity_assets_tests.backend.writing.test_tracks import compilation, track
from identity_assets_tests.support import (
    EVERY_BUCKET,
    Shelf,
    nothing,
    provenance,
    single_artist,
    statements_sent,
)

ROWS, COMPILATIONS = 4, 3

Result = dict[str, Any]
ANSWERS: dict[str, Callable[[int], Result]] = {
    "one": single_artist,
    "another": lambda one: single_artist(one, main={"wikidata_qid": "Q7"}, confidence=0.99),
    "fewer sources": lambda one: single_artist(
        one, provenance=[provenance("discogs", "exact_match", 1.0, "other")]
    ),
    "a bad entry": lambda one: single_artist(
        one,
        provenance=[
            provenance("discogs", "exact_match", 0.2, "bad"),
            provenance("bandcamp", "exact_match", 1, "b"),
        ],
    ),
    "invalid": lambda one: single_artist(one, confidence=0.1),
    "unresolved": nothing,
    "not visited": lambda one: compilation(one, attempted=False),
    "no tracks": compilation,
    "a track": lambda one: compilation(one, track("Anna", "One")),
    "surer": lambda one: compilation(one, track("Anna", "One", confidence=0.95, method="name_variation")),
    "two tracks": lambda one: compilation(one, track("Anna", "One"), track("Bea", "Two")),
    "a position": lambda one: compilation(one, track("Bea", "Two", resolved_artist_name=None, track_position="1")),
    "nobody's track": lambda one: compilation(one, track("Cleo", "Three")),
}  # fmt: skip
EDITS = (
    "UPDATE library_identity SET method = 'manual', confidence = 1, notes = 'Ann' WHERE library_id = :id",
    "UPDATE library_identity SET wikidata_qid = 'Q0' WHERE library_id = :id",
    "UPDATE library_identity SET notes = 'backfill:S1' WHERE library_id = :id",
    "UPDATE library_identity_source SET external_id = 'edited' WHERE library_id = :id",
    "UPDATE library_identity_source SET method = 'manual', confidence = 1 WHERE library_id = :id",
    "DELETE FROM library_identity WHERE library_id = :id",
    "UPDATE compilation_track_artist SET track_artist_link_method = 'librarian', track_artist_id = 1 "
    "WHERE library_id = :id",
    "UPDATE library SET album_title = album_title || '!' WHERE id = :id",
    "reject",
    "none",
)
ANSWER = st.sampled_from(sorted(ANSWERS))
PASS = st.tuples(
    st.lists(ANSWER, min_size=ROWS + COMPILATIONS, max_size=ROWS + COMPILATIONS),
    st.lists(st.tuples(st.integers(0, ROWS + COMPILATIONS - 1), st.sampled_from(EDITS)), max_size=3),
)


class Composer:
    """LML, which says what it is told to say."""

    def __init__(self) -> None:
        self.says: Mapping[int, str] = {}

    def result(self, question: Any, include_tracks: bool) -> Result:
        """As the fixture's own composer."""
        result = ANSWERS[self.says[question.library_id]](question.library_id)
        return result if include_tracks else {**result, "tracks_attempted": None, "tracks": None}


@pytest.fixture
def composer(lml: FixtureLmlThread) -> Iterator[Composer]:
    own = lml.app.state.composer
    lml.app.state.composer = made = Composer()
    yield made
    lml.app.state.composer = own


def stock(shelf: Shelf) -> list[int]:
    """Releases of one artist, and compilations with two credits each."""
    shelf.empty()
    ids = shelf.put_many(["Known 1"] * ROWS)
    ids += shelf.put_many(["Various Artists"] * COMPILATIONS, volume="Z")
    shelf.run("INSERT INTO artists (id, artist_name) VALUES (2, 'Anna'), (3, 'Bea')")
    for one in ids[ROWS:]:
        shelf.run(
            "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) "
            "VALUES (:id, 'Anna', 'One'), (:id, 'Bea', 'Two')",
            id=one,
        )
    return ids


@contextmanager
def no_stage(_rows: int) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None


def foreseen_by(shelf: Shelf, settings: Settings) -> tuple[dict[int, Any], Mapping[str, int]]:
    """The changes that a dry run foresees, by library row, and its count of each kind."""
    found: list[Any] = []
    with client_of(settings) as client:
        predicted = dry_run(
            shelf.database, client, EVERY_BUCKET, settings, Scope.full, stage=no_stage, on_change=found.append
        )
    assert predicted.would_hold is None
    by_row = {one.library_id: one.as_dict() for one in found}
    assert len(by_row) == len(found)
    return by_row, predicted.changes


def made_by(shelf: Shelf, settings: Settings, run_id: str) -> dict[int, Any]:
    """Run a pass; the changes that it made, by library row."""
    shelf.select(run_id=run_id)
    with client_of(settings) as client:
        for _ in ask_and_store(shelf.database, client, EVERY_BUCKET, settings, run_id):
            pass
    shelf.write(run_id=run_id)
    found = list(changes_of_run(shelf.database, run_id))
    assert not any(one.changed_since for one in found)
    return {one.library_id: one.as_dict() for one in found}


def edit(shelf: Shelf, settings: Settings, library_id: int, how: str) -> None:
    if how not in {"reject", "none"}:
        shelf.run(how, id=library_id)
        return
    named = {"wikidata": f"Q{library_id}"}
    kind = DecisionKind.reject if how == "reject" else DecisionKind.none
    ids = named if how == "reject" else None
    write_decisions(shelf.database, [Decision(library_id, kind, ids=ids, made_by="Ann")], settings, "person")


@pytest.mark.promise("dry run")
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PASS, min_size=1, max_size=4))
def test_a_run_changes_what_the_dry_run_before_it_foresaw(
    shelf: Shelf, station_settings: Settings, composer: Composer, passes: list[Any]
) -> None:
    ids = stock(shelf)
    settings = replace(station_settings, scope=Scope.full)
    for number, (answers, edits) in enumerate(passes):
        composer.says = dict(zip(ids, answers, strict=True))
        foreseen, counts = foreseen_by(shelf, settings)
        made = made_by(shelf, settings, f"run {number}")
        assert made == foreseen
        assert {kind: rows for kind, rows in counts.items() if rows} == count_kinds(made)
        for place, how in edits:
            edit(shelf, settings, ids[place], how)
        shelf.age(8)


def count_kinds(made: Mapping[int, Any]) -> dict[str, int]:
    kinds = [one["change"] for one in made.values()]
    return {kind: kinds.count(kind) for kind in kinds}


def test_every_kind_of_change_is_foreseen_and_named_alike(
    shelf: Shelf, station_settings: Settings, composer: Composer
) -> None:
    ids = stock(shelf)
    settings = replace(station_settings, scope=Scope.full)
    seen: set[str] = set()
    for number, answers in enumerate((
        ("one", "one", "one", "unresolved", "two tracks", "two tracks", "nobody's track"),
        ("one", "another", "no tracks", "one", "two tracks", "unresolved", "not visited"),
        ("unresolved", "not visited", "a track", "unresolved", "surer", "no tracks", "no tracks"),
    )):  # fmt: skip
        composer.says = dict(zip(ids, answers, strict=True))
        foreseen, _ = foreseen_by(shelf, settings)
        made = made_by(shelf, settings, f"run {number}")
        assert made == foreseen
        seen |= count_kinds(made).keys()
        if number == 1:
            assert [made[one]["change"] for one in ids] == [
                *("confirmed", "changed", "withdrawn", "new"),
                *("confirmed", "unresolved", "compilation"),
            ]
        shelf.age(8)
    assert seen == {str(kind) for kind in PREDICTED}
    # Later runs do not change what an earlier one is said to have done.
    still = {one.library_id: one.kind for one in changes_of_run(shelf.database, "run 1")}
    assert [still[one] for one in (ids[2], *ids[4:])] == [
        "withdrawn",
        "confirmed",
        "unresolved",
        "compilation",
    ]


def test_the_due_rule_is_read_twice_however_many_pages_of_inputs_there_are(
    shelf: Shelf, station_settings: Settings
) -> None:
    shelf.put_many(["Known 1"] * 60)
    with statements_sent() as sent:
        foreseen_by(shelf, replace(station_settings, batch_size=1))
    assert sum("FROM library\n" in one for one in sent) > 4
    # For the rows, and for the figures of the guard.
    assert sum("FROM candidate(" in one for one in sent) == 2


def test_library_rows_that_backend_deletes_meanwhile_are_not_asked(
    shelf: Shelf, station_settings: Settings
) -> None:
    ids = shelf.put_many(["Known 1"] * 20)

    @contextmanager
    def deleting(rows: int) -> Iterator[Callable[[int], None]]:
        assert rows == 20
        shelf.run("DELETE FROM library WHERE id = ANY (:ids)", ids=ids[:17])
        yield lambda _done: None

    settings = replace(station_settings, batch_size=1)
    with client_of(settings) as client:
        predicted = dry_run(shelf.database, client, EVERY_BUCKET, settings, Scope.full, stage=deleting)
    assert predicted.outcomes == {"resolved": 3, "not_asked": 17}
