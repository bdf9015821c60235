"""The overview counts every library row once, and agrees with the selection on what is due."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import orjson
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.ask_again import Answers, AskAgain
from identity_assets.backend.ledger.candidates import select_candidates
from identity_assets.backend.reports.due import DueWhy
from identity_assets.backend.reports.gate import read_gate
from identity_assets.backend.reports.overview import REASONS, STATES, Overview, read_overview
from identity_assets.backend.reports.story import read_story
from identity_assets.backend.undo.by_run import Writes, unwind
from identity_assets.settings import Scope
from identity_assets_tests.backend.writing.test_tracks import compilation, track
from identity_assets_tests.support import EVERY_BUCKET, Shelf

PUT_ROWS = """
WITH given AS (
    SELECT row_number() OVER () AS id, given.*
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (
        artist text, canonical text, main_minutes int, method text, confidence real, attempt_minutes int, kind text,
        answer_minutes int, answer_artist text, answer_state text
    )
), shelved AS (
    INSERT INTO library (id, artist_id, artist_name, album_title, legacy_release_id, canonical_entity_id)
    SELECT id, 1, artist, 'First', id, canonical FROM given
), main AS (
    INSERT INTO library_identity (library_id, method, confidence, last_verified_at)
    SELECT id, method, confidence, now() - make_interval(mins => main_minutes)
    FROM given WHERE main_minutes IS NOT NULL
), answer AS (
    INSERT INTO lml_verdict (library_id, verdict, tracks_trusted, artist_name, album_title, asked_at, run_id)
    SELECT id, '{}', false, answer_artist, 'First', now() - make_interval(mins => answer_minutes), 'run'
    FROM given WHERE answer_minutes IS NOT NULL
), state AS (
    INSERT INTO lml_verdict_state (library_id, asked_at, applied_at, rejected_reason, held_at, held_run_id)
    SELECT
        id, now() - make_interval(mins => answer_minutes), CASE WHEN answer_state = 'applied' THEN now() END,
        CASE WHEN answer_state = 'set_aside' THEN 'no good' END,
        CASE WHEN answer_state = 'held' THEN now() END, CASE WHEN answer_state = 'held' THEN 'run' END
    FROM given WHERE answer_minutes IS NOT NULL AND answer_state IS NOT NULL
)
INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at)
SELECT id, kind, now() - make_interval(mins => attempt_minutes), 1, now()
FROM given WHERE attempt_minutes IS NOT NULL
"""


def stock(shelf: Shelf, *rows: dict[str, Any]) -> None:
    """Make the library consist of these rows; ages are in days."""
    plain = {"artist": "Anna", "canonical": "discogs:1", "method": "exact_match", "confidence": 1.0}
    told = [
        {
            **plain,
            "kind": "unresolved",
            **row,
            "main_minutes": None if row.get("main") is None else round(row["main"] * 1440),
            "attempt_minutes": None if row.get("attempt") is None else round(row["attempt"] * 1440),
            "answer_minutes": None if row.get("answer") is None else round(row["answer"] * 1440),
            "answer_artist": row.get("answer_artist", "Anna"),
            "answer_state": row.get("answer_state"),
        }
        for row in rows
    ]
    shelf.run(
        "TRUNCATE library, candidate_library, library_unresolved, lml_verdict, lml_verdict_state CASCADE"
    )
    shelf.run("INSERT INTO artists (id, artist_name) VALUES (1, 'x') ON CONFLICT DO NOTHING")
    shelf.run(PUT_ROWS, rows=orjson.dumps(told).decode())


def read(shelf: Shelf) -> Overview:
    return read_overview(shelf.database, shelf.settings)


def test_an_empty_library_is_all_zeros(shelf: Shelf) -> None:
    overview = read(shelf)
    assert overview.library_rows == 0
    assert set(overview.states.values()) == {0}
    assert [one.rows for one in overview.next_due] == [0] * 8


def test_each_row_is_in_the_one_state_that_is_its_own(shelf: Shelf) -> None:
    stock(
        shelf,
        {"main": 1},
        {"main": 30, "attempt": 1},
        {"main": 1, "confidence": 0.70},
        {"main": 1, "confidence": 0.69},
        {"main": 90, "method": "manual"},
        {"main": 1, "artist": None},
        {"attempt": 1},
        {"attempt": 1, "kind": "compilation"},
        {"attempt": 8},
        {"attempt": 8, "kind": "compilation"},
        {},
        {"artist": None},
        {"artist": "  ", "attempt": 1},
        {"main": 1, "answer": 1, "answer_artist": "Old", "answer_state": "applied"},
        {"attempt": 1, "answer": 1, "answer_artist": "Old", "answer_state": "applied"},
        {"answer": 0.5, "answer_state": "set_aside"},
        {"answer": 1.5, "answer_state": "set_aside"},
        {"answer": 0.5},
        {"answer": 0.5, "answer_state": "held"},
        {"main": 9, "answer": 0.5, "answer_state": "held"},
    )
    overview = read(shelf)
    assert overview.states == {
        "resolved": 6,
        "low_confidence": 1,
        "manual": 1,
        "resolved_compilation": 0,
        "decided_none": 0,
        "unresolved_in_window": 1,
        "compilation_in_window": 1,
        "invalid_in_window": 1,
        "rejected_in_window": 0,
        "answer_held": 1,
        "retry_due": 2,
        "names_changed": 1,
        "invalid_retry_due": 1,
        "asked_again": 0,
        "never_asked": 2,
        "no_artist_name": 2,
    }
    assert overview.library_rows == 20
    assert overview.answers_held == 2
    assert overview.due_now[Scope.full]["names_changed"] == 2


def test_compilations_that_were_asked_again_and_taken_back_are_not_called_never_asked(shelf: Shelf) -> None:
    ids = shelf.put_many(["Various Artists"] * 3, volume="Z")
    answers = [
        compilation(ids[0], track("Anna")),
        compilation(ids[1]),
        compilation(ids[2], attempted=False),
    ]
    shelf.select(run_id="first")
    shelf.answer(*answers, run_id="first")
    shelf.write(run_id="first")
    expected = {"resolved_compilation": 2, "compilation_in_window": 1}
    assert some(read(shelf).states) == expected
    again = AskAgain(Answers.compilations)
    select_candidates(shelf.database, EVERY_BUCKET, shelf.settings, Scope.full, "again", ask_again=again)
    shelf.answer(*answers, run_id="again")
    assert read(shelf).states["never_asked"] == 0
    shelf.write(run_id="again")
    assert some(read(shelf).states) == expected
    unwind(shelf.database, Writes({"again": None}), 100)
    overview = read(shelf)
    assert some(overview.states) == {"asked_again": 3}
    assert some(overview.due_now[Scope.full]) == {"asked_again": 3}
    assert read_gate(shelf.database, 1).residual["never_asked"] == 0
    shelf.select(run_id="third")
    shelf.answer(*answers, run_id="third")
    shelf.write(run_id="third")
    assert some(read(shelf).states) == expected


def test_a_stale_compilation_whose_new_answer_was_taken_back_is_stale_again(shelf: Shelf) -> None:
    one = shelf.put("Various Artists", volume="Z")
    for run_id in ("first", "second"):
        shelf.select(run_id=run_id)
        shelf.answer(compilation(one, track("Anna")), run_id=run_id)
        shelf.write(run_id=run_id)
        shelf.age(8)
    unwind(shelf.database, Writes({"second": None}), 100)
    overview = read(shelf)
    assert some(overview.states) == {"resolved_compilation": 1}
    assert some(overview.due_now[Scope.full]) == {"stale": 1}
    story = read_story(shelf.database, shelf.settings, one)
    assert story is not None
    assert {due.why for due in story.due} == {DueWhy.stale}


def some(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: rows for name, rows in counts.items() if rows}


AGES = st.none() | st.integers(1, 4).flatmap(
    lambda day: st.sampled_from([day - 0.001, day + 0.001, day - 0.4])
)
ROWS = st.fixed_dictionaries(
    {
        "artist": st.sampled_from(["Anna", "Anna", " ", None]),
        "canonical": st.sampled_from([None, "discogs:1"]),
        "main": AGES,
        "method": st.sampled_from(["exact_match", "manual", "inherited"]),
        "confidence": st.sampled_from([0.0, 0.69, 0.70, 1.0]),
        "attempt": AGES,
        "kind": st.sampled_from(["unresolved", "compilation"]),
        "answer": AGES,
        "answer_artist": st.sampled_from(["Anna", "Anna", "Old"]),
        "answer_state": st.sampled_from([None, "applied", "set_aside", "held"]),
    }
)


@given(rows=st.lists(ROWS, max_size=25), stale_days=st.integers(1, 4), retry_days=st.integers(1, 4))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_states_add_up_and_what_is_due_is_what_is_selected(
    shelf: Shelf, rows: list[dict[str, Any]], stale_days: int, retry_days: int
) -> None:
    stock(shelf, *rows)
    shelf.settings = replace(
        shelf.settings, stale_threshold_days=stale_days, unresolved_retry_days=retry_days
    )
    overview = read(shelf)
    assert tuple(overview.states) == STATES
    assert sum(overview.states.values()) == overview.library_rows == len(rows)
    for scope in Scope:
        shelf.select(scope)
        selected = shelf.rows(
            "SELECT reason, count(*) AS rows FROM candidate_library "
            "WHERE outcome IS DISTINCT FROM 'missing_artist_name' GROUP BY 1"
        )
        expected = dict.fromkeys(REASONS, 0) | {row["reason"]: row["rows"] for row in selected}
        assert overview.due_now[scope] == expected

    in_scope = [row for row in rows if row["canonical"] is not None]
    can_be_due = [
        row for row in in_scope if (row["artist"] or "").strip() and not is_manual(row) and not is_held(row)
    ]
    due_now = sum(overview.due_now[Scope.canonical].values())
    assert sum(one.rows for one in overview.next_due) == len(can_be_due) - due_now


def is_manual(row: dict[str, Any]) -> bool:
    return row["main"] is not None and row["method"] == "manual"


def is_held(row: dict[str, Any]) -> bool:
    names_stand = row["answer_artist"] == row["artist"]
    return row["answer"] is not None and row["answer_state"] == "held" and names_stand


def test_the_week_ahead_names_the_day_on_which_each_row_becomes_due(shelf: Shelf) -> None:
    stock(shelf, {"main": 6}, {"main": 6}, {"attempt": 3}, {"main": 6, "attempt": 2}, {"main": 0}, {})
    overview = read(shelf)
    today = overview.read_at.astimezone(UTC).date()
    assert [one.day for one in overview.next_due] == [today + timedelta(days=ahead) for ahead in range(8)]
    assert {ahead: one.rows for ahead, one in enumerate(overview.next_due) if one.rows} == {
        1: 2,
        4: 1,
        5: 1,
        7: 1,
    }


def test_the_week_ahead_is_that_of_the_scope_that_is_set_and_ends_after_seven_days(shelf: Shelf) -> None:
    stock(shelf, {"main": 6}, {"main": 6, "canonical": None})
    assert sum(one.rows for one in read(shelf).next_due) == 1
    shelf.settings = replace(shelf.settings, scope=Scope.full)
    assert sum(one.rows for one in read(shelf).next_due) == 2
    shelf.settings = replace(shelf.settings, stale_threshold_days=30)
    assert sum(one.rows for one in read(shelf).next_due) == 0


def test_the_overview_is_one_json_object(shelf: Shelf) -> None:
    stock(shelf, {}, {"main": 6})
    overview = read(shelf)
    told = json.loads(json.dumps(overview.as_dict()))
    assert told["library_rows"] == 2
    assert told["due_now"]["canonical"] == {
        "never_asked": 1,
        "names_changed": 0,
        "retry_due": 0,
        "invalid_retry_due": 0,
        "stale": 0,
        "asked_again": 0,
    }
    assert told["next_due"][1] == {"day": overview.next_due[1].day.isoformat(), "rows": 1}
    assert told["read_at"].endswith("+00:00")
