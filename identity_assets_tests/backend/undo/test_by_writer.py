"""Taking back all that one writer wrote, and runs in which the legs wrote too, on a real PostgreSQL."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_assets.backend.reports.integrity import read_asked_twice, read_unbalanced
from identity_assets.backend.undo.by_run import LeftAlone, Unwound, Writes, plan_unwind, unwind
from identity_assets.backend.undo.by_writer import plan_unwind_notes, unwind_notes
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets_tests.legs.support import evidence, forget, main_row, put_main, put_source, said, sources
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

pytestmark = pytest.mark.long

LML, S1, S3 = "consumer:lml-bulk", "backfill:S1", "backfill:S3"


def write(shelf: Shelf, run_id: str, *, with_legs: bool = True) -> None:
    chosen = replace(shelf.settings, writer_chunk_rows=3)
    write_verdicts(shelf.database, EVERY_BUCKET, chosen, run_id, with_legs=with_legs)


def settle(shelf: Shelf, *results: dict[str, Any], run_id: str = "lml") -> None:
    """A whole pass of LML alone."""
    shelf.select(run_id=run_id)
    shelf.answer(*results, run_id=run_id)
    write(shelf, run_id, with_legs=False)


def tables(shelf: Shelf) -> list[list[dict[str, Any]]]:
    """The identity tables, and what the legs remember of them, every column."""
    return [
        shelf.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("library_identity", "library_identity_source", "library_unresolved", "leg_filled")
    ]


def take_back(shelf: Shelf, notes: str) -> Unwound:
    planned = plan_unwind_notes(shelf.database, notes, 2)
    done = unwind_notes(shelf.database, notes, 2, run_id=f"unwind of {notes}")
    assert done == planned
    return done


SAYS = st.sampled_from([None, "release 5", "release 6", "master 7", "master 8"])
LIBRARY = st.lists(
    st.fixed_dictionaries(
        {
            "lml": st.sampled_from(["single_artist", "unresolved", None]),
            "main": st.sampled_from([None, "somebody", "release of somebody", "manual"]),
            "source": st.sampled_from([None, "discogs_release", "manual"]),
            "S1": SAYS,
            "S3": st.tuples(SAYS, st.booleans()),
        }
    ),
    min_size=1,
    max_size=7,
)


def fill(shelf: Shelf, rows: list[dict[str, Any]]) -> list[int]:
    """The library with what LML and others have written, before any leg."""
    shelf.run(
        "TRUNCATE artists, library, lml_verdict, lml_verdict_state, candidate_library, journal_chunk, "
        "library_identity_history, library_unresolved, leg_evidence, leg_filled, leg_gathered CASCADE"
    )
    ids = [shelf.put() for _ in rows]
    pairs = list(zip(ids, rows, strict=True))
    settle(
        shelf,
        *(single_artist(one) for one, row in pairs if row["lml"] == "single_artist"),
        *(nothing(one) for one, row in pairs if row["lml"] == "unresolved"),
    )
    for one, row in pairs:
        if row["lml"] != "single_artist" and row["main"] is not None:
            method = "manual" if row["main"] == "manual" else "trigram"
            put_main(shelf, one, method, release=5 if row["main"] == "release of somebody" else None)
        if row["source"] is not None:
            put_source(
                shelf, one, "discogs_release", "manual" if row["source"] == "manual" else "trigram", 0.8
            )
    return ids


@given(rows=LIBRARY)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_taking_a_leg_back_and_taking_back_its_run_give_the_state_before_it(
    shelf: Shelf, rows: list[dict[str, Any]]
) -> None:
    ids = fill(shelf, rows)
    states = [tables(shelf)]
    for leg in ("S1", "S3"):
        for one, row in zip(ids, rows, strict=True):
            entity, ambiguous = (row["S1"], False) if leg == "S1" else row["S3"]
            if entity is not None:
                evidence(shelf, one, leg, entity, ambiguous=ambiguous)
        write(shelf, leg)
        states.append(tables(shelf))

    take_back(shelf, S3)
    assert tables(shelf) == states[1]
    # That was a write too, and goes back like one.
    unwind(shelf.database, Writes({f"unwind of {S3}": None}), 3)
    assert tables(shelf) == states[2]
    for leg, before in (("S3", states[1]), ("S1", states[0])):
        assert unwind(shelf.database, Writes({leg: None}), 3).left_alone == ()
        assert tables(shelf) == before


def test_what_lml_replaced_comes_back_from_history(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id, release=9)
    before = tables(shelf)
    settle(shelf, single_artist(library_id))
    assert take_back(shelf, LML) == Unwound(restored=1)
    assert tables(shelf) == before
    assert [row["superseded_reason"] for row in shelf.tables()["history"]] == ["rerun", "unwind"]


def test_a_row_that_only_lml_stood_behind_is_removed_and_asked_about_anew(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    assert take_back(shelf, LML) == Unwound(removed=1)
    assert tables(shelf)[:2] == [[], []]
    assert shelf.outcomes() == {library_id: "unwound"}
    assert read_unbalanced(shelf.database, EVERY_BUCKET).count == 0
    settle(shelf, single_artist(library_id))
    assert read_asked_twice(shelf.database, shelf.settings).count == 0
    assert shelf.outcomes() == {library_id: "resolved"}


def test_the_legs_make_the_main_row_anew_where_their_source_rows_remain(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    evidence(shelf, library_id, "S1", "release 5")
    write(shelf, "S1")
    assert take_back(shelf, LML) == Unwound(recomputed=1)
    assert said(shelf, library_id) == ("exact_match", 1.0, None, None, 5, S1)
    assert list(sources(shelf, library_id)) == ["discogs_release"]


@pytest.mark.promise("manual")
def test_a_person_s_decision_stays_whoever_s_rows_are_taken_back(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    evidence(shelf, library_id, "S3", "release 5")
    write(shelf, "S3")
    shelf.run("UPDATE library_identity SET method = 'manual', confidence = 1")
    before = tables(shelf)
    for notes in (LML, S3):
        assert take_back(shelf, notes) == Unwound(left_alone=(LeftAlone(library_id, "manual"),))
        assert tables(shelf) == before


def test_a_run_of_lml_and_the_legs_together_is_taken_back_as_one(shelf: Shelf) -> None:
    ids = shelf.put_many(["A", "B", "C"])
    before = tables(shelf)
    evidence(shelf, ids[0], "S1", "release 5")
    evidence(shelf, ids[1], "S3", "master 6")
    shelf.select(run_id="both")
    shelf.answer(single_artist(ids[0]), nothing(ids[1]), single_artist(ids[2]), run_id="both")
    write(shelf, "both")
    row = main_row(shelf, ids[0])
    assert row is not None
    assert (row["notes"], row["discogs_release_id"]) == (LML, 5)
    assert plan_unwind(shelf.database, Writes({"both": None}), 10) == Unwound(removed=3)
    unwind(shelf.database, Writes({"both": None}), 10)
    assert tables(shelf) == before


@pytest.mark.promise("unwind")
@pytest.mark.parametrize(
    "answer", [{}, {"confidence": 0.97}, None], ids=["confirmed", "changed", "not asked"]
)
@pytest.mark.parametrize("says", ["release 5", "release 6", "master 7", None])
def test_a_run_in_which_lml_and_a_leg_write_the_same_row_goes_back_byte_for_byte(
    shelf: Shelf, answer: dict[str, Any] | None, says: str | None
) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    shelf.select(run_id="first")
    shelf.answer(single_artist(library_id), run_id="first")
    write(shelf, "first")
    shelf.age(days=30)
    before = tables(shelf)
    forget(shelf, library_id, "S1")
    if says is not None:
        evidence(shelf, library_id, "S1", says)
    if answer is not None:
        shelf.select(run_id="second")
        shelf.answer(single_artist(library_id, **answer), run_id="second")
    write(shelf, "second")
    assert unwind(shelf.database, Writes({"second": None}), 10).left_alone == ()
    assert tables(shelf) == before


def test_a_row_that_somebody_has_deleted_does_not_come_back_when_lml_s_rows_are_taken_back(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id)
    settle(shelf, single_artist(library_id))
    shelf.run("DELETE FROM library_identity")
    assert take_back(shelf, LML) == Unwound(unchanged=1)
    assert tables(shelf)[:2] == [[], []]


def test_what_was_taken_back_from_lml_is_put_back_by_taking_back_that_run(shelf: Shelf) -> None:
    ids = shelf.put_many(["A", "B", "C"])
    put_main(shelf, ids[0])
    evidence(shelf, ids[1], "S1", "release 5")
    shelf.select(run_id="both")
    shelf.answer(*map(single_artist, ids), run_id="both")
    write(shelf, "both")
    before = tables(shelf)
    assert take_back(shelf, LML) == Unwound(restored=1, recomputed=1, removed=1)
    assert unwind(shelf.database, Writes({f"unwind of {LML}": None}), 2).left_alone == ()
    assert tables(shelf) == before
