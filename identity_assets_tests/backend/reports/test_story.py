"""The story of a row is what stands in the tables, and says of being due what the selection does."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.backend.reports.due import Due, DueWhy
from identity_assets.backend.reports.story import read_story, was_known
from identity_assets.backend.reports.story_records import GateState, StoredVerdict, Story, VerdictState
from identity_assets.settings import Scope
from identity_assets_tests.support import Shelf, nothing, provenance, single_artist


def tell(shelf: Shelf, library_id: int) -> Story:
    story = read_story(shelf.database, shelf.settings, library_id)
    assert story is not None
    return story


def due(story: Story, scope: Scope = Scope.full) -> Due:
    [found] = [one for one in story.due if one.scope is scope]
    return found


def verdict_of(shelf: Shelf, library_id: int) -> StoredVerdict:
    verdict = tell(shelf, library_id).verdict
    assert verdict is not None
    return verdict


def settle(shelf: Shelf, *results: dict[str, Any], run_id: str = "run") -> None:
    """A whole pass in which LML says this."""
    shelf.select(run_id=run_id)
    shelf.answer(*results, run_id=run_id)
    shelf.write()


def put_main_row(shelf: Shelf, library_id: int, method: str = "exact_match", confidence: float = 1.0) -> None:
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at) "
        "VALUES (:id, :method, :confidence, now())",
        id=library_id,
        method=method,
        confidence=confidence,
    )


@pytest.mark.parametrize("library_id", [0, -1, 404, 2**31, 2**70])
def test_there_is_no_story_of_a_row_that_the_library_does_not_have(shelf: Shelf, library_id: int) -> None:
    shelf.put()
    assert read_story(shelf.database, shelf.settings, library_id) is None


def test_the_partition_is_that_of_the_selection(shelf: Shelf) -> None:
    for library_id in shelf.put_many(["a"] * 20):
        assert tell(shelf, library_id).partition_key == f"{library_id % 16:02d}"
    shelf.settings = replace(shelf.settings, library_partitions=7)
    assert tell(shelf, 20).partition_key == "06"


@pytest.mark.parametrize(
    ("volume", "credits", "cohort"),
    [(None, 0, "non_va"), ("B", 0, "non_va"), ("Z", 0, "va"), ("ZA", 2, "va"), (None, 3, "va")],
)
def test_the_cohort_and_its_two_signs_are_those_of_the_selection(
    shelf: Shelf, volume: str | None, credits: int, cohort: str
) -> None:
    library_id = shelf.put(volume=volume)
    for number in range(credits):
        shelf.run(
            "INSERT INTO compilation_track_artist (library_id, artist_name) VALUES (:id, :name)",
            id=library_id,
            name=f"Artist {number}",
        )
    shelf.select()
    library = tell(shelf, library_id).library
    assert (library.code_volume_letters, library.track_credits, library.cohort) == (volume, credits, cohort)
    assert library.has_va_letters is (volume or "").startswith("Z")
    assert shelf.rows("SELECT cohort FROM candidate_library") == [{"cohort": cohort}]


# --- due


def test_a_resolved_row_is_not_due_before_its_window_ends_and_the_day_is_named(shelf: Shelf) -> None:
    library_id = shelf.put()
    assert due(tell(shelf, library_id)).why is DueWhy.never_asked
    settle(shelf, single_artist(library_id))
    story = tell(shelf, library_id)
    assert story.main_row is not None
    verified = story.main_row["last_verified_at"]
    assert due(story) == Due(
        Scope.full,
        is_due=False,
        why=DueWhy.resolved_in_window,
        until=verified + timedelta(days=7),
        decided_at=verified,
    )
    shelf.age(days=8)
    story = tell(shelf, library_id)
    assert (due(story).is_due, due(story).why) == (True, DueWhy.stale)
    assert due(story).since == verified - timedelta(days=1)


@pytest.mark.parametrize("kind", ["unresolved", "compilation"])
def test_an_attempt_keeps_a_row_from_being_due_and_the_day_is_named(shelf: Shelf, kind: str) -> None:
    library_id = shelf.put()
    settle(shelf, nothing(library_id, kind))
    story = tell(shelf, library_id)
    assert story.sidecar is not None
    assert due(story).why == f"{kind}_in_window"
    assert due(story).until == story.sidecar.attempted_at + timedelta(days=7)
    shelf.age(days=8)
    assert (due(tell(shelf, library_id)).is_due, due(tell(shelf, library_id)).why) == (True, DueWhy.retry_due)


def test_of_two_windows_the_one_that_ends_last_is_the_reason(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.age(days=8)
    settle(shelf, nothing(library_id))
    found = due(tell(shelf, library_id))
    assert (found.is_due, found.why) == (False, DueWhy.unresolved_in_window)
    shelf.age(days=8)
    found = due(tell(shelf, library_id))
    assert (found.is_due, found.why) == (True, DueWhy.stale)
    assert found.since is not None
    assert timedelta(hours=23) < datetime.now(UTC) - found.since < timedelta(hours=25)


def test_a_persons_row_is_never_due_and_one_without_an_artist_is_never_sent(shelf: Shelf) -> None:
    manual, nameless, blank = shelf.put(), shelf.put(None), shelf.put(" \t")
    put_main_row(shelf, manual, "manual")
    assert due(tell(shelf, manual)) == Due(Scope.full, is_due=False, why=DueWhy.manual)
    for library_id in (nameless, blank):
        assert due(tell(shelf, library_id)) == Due(Scope.full, is_due=False, why=DueWhy.no_artist_name)


def test_a_row_without_a_canonical_entity_id_is_due_in_the_full_scope_alone(shelf: Shelf) -> None:
    story = tell(shelf, shelf.put(canonical=None))
    assert due(story, Scope.canonical) == Due(Scope.canonical, is_due=False, why=DueWhy.not_in_scope)
    assert due(story, Scope.full).is_due


def test_a_row_whose_names_changed_is_due_at_once_and_that_is_the_reason(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.run("UPDATE library SET album_title = 'Second'")
    found = due(tell(shelf, library_id))
    asked = verdict_of(shelf, library_id).asked_at
    assert (found.is_due, found.why, found.decided_at) == (True, DueWhy.names_changed, asked)
    assert not found.answer_stored


def test_a_row_whose_answer_was_set_aside_is_due_again_after_its_own_window(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id, confidence=0.2))
    found = due(tell(shelf, library_id))
    asked = verdict_of(shelf, library_id).asked_at
    assert (found.is_due, found.why, found.until) == (
        False,
        DueWhy.invalid_in_window,
        asked + timedelta(days=1),
    )
    shelf.age(days=1.01)
    found = due(tell(shelf, library_id))
    assert (found.is_due, found.why, found.answer_stored) == (True, DueWhy.invalid_retry_due, False)


def test_a_row_whose_answer_was_set_aside_in_part_is_due_again_at_the_earlier_of_its_windows(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    entry = [{"where": "provenance", "index": 3, "reason": "no source"}]
    shelf.run(
        "UPDATE lml_verdict_state SET set_aside = CAST(:entry AS jsonb)", entry=orjson.dumps(entry).decode()
    )
    told = verdict_of(shelf, library_id)
    assert (told.state, list(told.entries_set_aside)) == (VerdictState.applied, entry)
    found = due(tell(shelf, library_id))
    assert (found.why, found.until) == (DueWhy.invalid_in_window, told.asked_at + timedelta(days=1))
    shelf.settings = replace(shelf.settings, invalid_retry_days=30)
    found = due(tell(shelf, library_id))
    assert (found.why, found.until) == (DueWhy.resolved_in_window, told.asked_at + timedelta(days=7))


def test_what_the_story_says_of_being_due_is_what_the_selection_does(shelf: Shelf) -> None:
    ids = shelf.put_many(["new", "resolved", "renamed", "odd", "waiting", "unresolved"])
    new, resolved, renamed, odd, waiting, unresolved = ids
    nameless = shelf.put(None)
    shelf.select()
    shelf.answer(single_artist(resolved), single_artist(renamed), nothing(unresolved))
    shelf.answer(single_artist(odd, confidence=0.2))
    shelf.write()
    shelf.age(days=2)
    shelf.answer(single_artist(waiting))
    shelf.run("UPDATE library SET artist_name = 'other' WHERE id = :id", id=renamed)
    told = {library_id: due(tell(shelf, library_id)) for library_id in (*ids, nameless)}

    shelf.select()
    selected = shelf.rows("SELECT library_id, reason, outcome, answered_at FROM ledger ORDER BY library_id")
    assert {row["library_id"]: row["reason"] for row in selected if row["outcome"] is None} == {
        library_id: one.why for library_id, one in told.items() if one.is_due
    }
    assert {one for one in told if told[one].is_due} == {new, renamed, odd, waiting}
    assert [row["library_id"] for row in selected if row["answered_at"] is not None] == [waiting]
    assert [library_id for library_id, one in told.items() if one.answer_stored] == [waiting]
    assert [row["library_id"] for row in selected if row["outcome"] is not None] == [nameless]


def test_a_library_row_that_backend_deleted_is_told_from_one_that_never_was(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.run("DELETE FROM library")
    assert read_story(shelf.database, shelf.settings, library_id) is None
    assert was_known(shelf.database, library_id)
    assert not was_known(shelf.database, library_id + 1)


# --- what LML said


def test_what_lml_said_stands_there_as_it_came(shelf: Shelf) -> None:
    library_id = shelf.put("Anna", "First")
    entries = [provenance("discogs", "exact_match", 1.0, "d1"), provenance("spotify", "trigram", None, None)]
    settle(shelf, single_artist(library_id, provenance=entries), run_id="the run")
    told = verdict_of(shelf, library_id)
    assert (told.kind, told.method, told.confidence) == ("single_artist", "cross_source_agreement", 0.95)
    assert told.provenance == tuple(entries)
    assert told.main["wikidata_qid"] == f"Q{library_id}"
    assert (told.artist_name, told.album_title, told.run_id) == ("Anna", "First", "the run")
    assert told.state is VerdictState.applied
    assert told.applied_at is not None
    assert told.holds_until == told.asked_at + timedelta(days=7)


def answered(shelf: Shelf, **changes: Any) -> int:
    """A row whose answer is stored and not applied."""
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id, **changes))
    return library_id


def test_why_an_answer_is_not_applied_is_told(shelf: Shelf) -> None:
    waiting = answered(shelf)
    rejected = answered(shelf, confidence=0.2)
    renamed = answered(shelf)
    shelf.run("UPDATE library SET album_title = 'Second' WHERE id = :id", id=renamed)
    old = answered(shelf)
    shelf.run("UPDATE lml_verdict SET asked_at = now() - interval '8 days' WHERE library_id = :id", id=old)
    told = {library_id: verdict_of(shelf, library_id) for library_id in (waiting, rejected, renamed, old)}
    assert {library_id: verdict.state for library_id, verdict in told.items()} == {
        waiting: VerdictState.waiting,
        rejected: VerdictState.rejected,
        renamed: VerdictState.names_changed,
        old: VerdictState.window_passed,
    }
    assert "0.2" in (told[rejected].rejected_reason or "")


def test_an_answer_that_the_database_refused_is_told_from_one_that_waits(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.run("ALTER TABLE library_identity_source ADD CONSTRAINT no_luck CHECK (external_id !~ '^d')")
    settle(shelf, single_artist(library_id))
    assert verdict_of(shelf, library_id).state is VerdictState.writer_error
    story = tell(shelf, library_id)
    assert story.ledger is not None
    assert story.ledger.outcome == "writer_error"
    assert "no_luck" in (story.ledger.detail or "")


def test_an_answer_under_a_persons_row_is_overruled_and_lmls_own_manual_one_is_applied(shelf: Shelf) -> None:
    persons, lmls = shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(persons), single_artist(lmls, method="manual", confidence=1.0))
    put_main_row(shelf, persons, "manual")
    shelf.write()
    assert [verdict_of(shelf, one).state for one in (persons, lmls)] == [
        VerdictState.overruled,
        VerdictState.applied,
    ]


@pytest.mark.parametrize("body", ["{}", "[]", "7", '{"provenance": 3, "main": "x", "method": [1]}'])
def test_an_answer_of_no_known_shape_can_still_be_told(shelf: Shelf, body: str) -> None:
    library_id = answered(shelf)
    shelf.run("UPDATE lml_verdict SET verdict = CAST(:body AS jsonb), kind = NULL", body=body)
    assert verdict_of(shelf, library_id).provenance == ()


# --- what stands


def test_all_columns_of_main_row_source_rows_and_history_are_told_the_newest_history_first(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    shelf.run("ALTER TABLE library_identity ADD COLUMN added_later text")
    for qid in ("Q1", "Q2", "Q3"):
        settle(shelf, single_artist(library_id, main={"wikidata_qid": qid}))
        shelf.age(days=8)
    story = tell(shelf, library_id)
    assert story.main_row == shelf.rows("SELECT * FROM library_identity")[0]
    assert "added_later" in story.main_row
    assert list(story.source_rows) == shelf.rows("SELECT * FROM library_identity_source ORDER BY source")
    assert [row["wikidata_qid"] for row in story.history] == ["Q2", "Q1"]
    assert story.sidecar is None
    assert story.ledger is not None
    assert (story.ledger.reason, story.ledger.outcome) == ("stale", "resolved")


def test_the_sidecar_counts_the_attempts(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, nothing(library_id))
    shelf.age(days=8)
    settle(shelf, nothing(library_id), run_id="second")
    sidecar = tell(shelf, library_id).sidecar
    assert sidecar is not None
    assert (sidecar.attempts, sidecar.run_id) == (2, "second")
    assert sidecar.first_attempted_at < sidecar.attempted_at


def test_a_row_that_nothing_happened_to_has_a_short_story(shelf: Shelf) -> None:
    story = tell(shelf, shelf.put())
    assert (story.verdict, story.ledger, story.main_row, story.sidecar) == (None, None, None, None)
    assert (story.source_rows, story.history) == ((), ())


# --- the gate


def test_the_gate_counts_a_row_that_has_no_identity_and_no_sibling_with_one(shelf: Shelf) -> None:
    alone = shelf.put(artist_id=7)
    gate = tell(shelf, alone).gate
    assert (gate.state, gate.is_counted) == (GateState.truly_unresolved, True)
    assert (gate.artist_id, gate.other_library_rows, gate.sibling_library_id) == (7, 0, None)

    sibling, weak, inherited = shelf.put(artist_id=7), shelf.put(artist_id=7), shelf.put(artist_id=7)
    put_main_row(shelf, weak, "llm", 0.69)
    put_main_row(shelf, inherited, "inherited", 1.0)
    put_main_row(shelf, shelf.put(artist_id=8))
    assert tell(shelf, alone).gate.state is GateState.truly_unresolved
    assert tell(shelf, alone).gate.other_library_rows == 3

    put_main_row(shelf, sibling, "llm", 0.70)
    gate = tell(shelf, alone).gate
    assert (gate.state, gate.is_counted) == (GateState.fallback_resolved, False)
    assert (gate.sibling_library_id, gate.sibling_method) == (sibling, "llm")
    assert tell(shelf, weak).gate.state is GateState.fallback_resolved
    assert tell(shelf, inherited).gate.state is GateState.resolved
    assert tell(shelf, sibling).gate.state is GateState.resolved


GATE_ROWS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from([None, 0.0, 0.69, 0.70, 0.95]),
        st.sampled_from(["llm", "inherited", "manual"]),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.long
@pytest.mark.promise("gate")
@given(rows=GATE_ROWS)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_story_and_the_gates_definition_agree(
    shelf: Shelf, rows: list[tuple[int, float | None, str]]
) -> None:
    shelf.run("TRUNCATE library CASCADE")
    placed = [
        (shelf.put(artist_id=artist_id), artist_id, confidence, method)
        for artist_id, confidence, method in rows
    ]
    for library_id, _, confidence, method in placed:
        if confidence is not None:
            put_main_row(shelf, library_id, method, confidence)
    for library_id, artist_id, confidence, _ in placed:
        siblings = {
            other
            for other, its_artist, its_confidence, its_method in placed
            if (other != library_id and its_artist == artist_id)
            and (its_confidence or 0) >= 0.70
            and its_method != "inherited"
        }
        gate = tell(shelf, library_id).gate
        is_resolved = (confidence or 0) >= 0.70
        expected = GateState.fallback_resolved if siblings else GateState.truly_unresolved
        assert gate.state is (GateState.resolved if is_resolved else expected)
        assert gate.sibling_library_id in siblings if siblings else gate.sibling_library_id is None


# --- JSON


def test_the_story_is_one_json_object_with_times_in_utc(shelf: Shelf) -> None:
    library_id = shelf.put(canonical=None)
    settle(shelf, single_artist(library_id))
    shelf.run("UPDATE library_identity SET musicbrainz_release_mbid = '00000000-0000-0000-0000-00000000002a'")
    told = json.loads(json.dumps(tell(shelf, library_id).as_dict()))
    assert told["library_id"] == library_id
    assert told["library"]["artist_name"] == "Anna Nyberg"
    assert told["main_row"]["musicbrainz_release_mbid"] == "00000000-0000-0000-0000-00000000002a"
    assert told["main_row"]["confidence"] == 0.95
    assert [row["source"] for row in told["source_rows"]] == ["discogs", "musicbrainz"]
    assert told["gate"]["is_counted"] is False
    canonical, full = told["due"]
    assert (canonical["scope"], canonical["why"]) == ("canonical", "not_in_scope")
    assert (full["is_due"], full["why"]) == (False, "resolved_in_window")
    assert datetime.fromisoformat(full["until"]).utcoffset() == timedelta(0)
    assert full["until"].endswith("+00:00")
