"""due_library is the rule of docs/rules.md ("Which rows are due", rule 7), written here once more in plain Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from identity_assets.backend.ledger.candidates import windows
from identity_assets.backend.reports.due import DueWhy, due_in, read_due_facts
from identity_assets.settings import Scope, Settings
from identity_assets_tests.support import Shelf, nothing, single_artist

NAMES = ("Anna", "First")


@dataclass(frozen=True)
class Row:
    """A library row and what is stored about it. Ages are in minutes before now; None: there is none.

    The answer waits, was applied, was taken back, was set aside whole, or is held; a held one may be accepted (just
    now) or dropped. `in_part`: some entries were set aside.
    """

    artist: str | None = "Anna"
    title: str = "First"
    canonical: str | None = "discogs:1"
    main: int | None = None
    method: str = "exact_match"
    attempt: int | None = None
    attempt_kind: str = "unresolved"
    answer: int | None = None
    answer_kind: str | None = "single_artist"
    answer_names: tuple[str, str] = NAMES
    state: str = "waiting"
    in_part: bool = False
    asked_before: bool = False


@dataclass(frozen=True)
class Expected:
    """What the rule says of a row: `due_from` None means always."""

    reason: str | None
    due_from: datetime | None
    is_answered: bool


def ago(now: datetime, minutes: int | None) -> datetime | None:
    return None if minutes is None else now - timedelta(minutes=minutes)


def rule(row: Row, now: datetime, settings: Settings) -> Expected:
    """The rule, moment by moment; of the rules that hold the first one decides."""
    stale, retry, again = (
        timedelta(days=days)
        for days in (
            settings.stale_threshold_days,
            settings.unresolved_retry_days,
            settings.invalid_retry_days,
        )
    )
    verified, attempted, asked = ago(now, row.main), ago(now, row.attempt), ago(now, row.answer)
    window = max(
        [*([verified + stale] if verified else []), *([attempted + retry] if attempted else [])], default=None
    )
    usable = _may_be_applied(row, settings)
    by_window = Expected("stale" if verified else "retry_due" if attempted else "never_asked", window, usable)
    is_held = row.state == "held" and row.answer_names == (row.artist, row.title)
    if (verified and row.method == "manual") or (asked and is_held):
        return Expected(None, None, usable)
    if asked is None:
        return by_window
    if row.answer_names != (row.artist, row.title):
        return Expected("names_changed", asked, False)
    used_in_part = row.state == "applied" and row.in_part and window is not None and asked + again < window
    if row.state == "set_aside" or used_in_part:
        return Expected("invalid_retry_due", asked + again, False)
    nothing_written = usable or row.state in ("unwound", "dropped")
    if nothing_written and window and max(filter(None, (verified, attempted))) < asked < window:
        return Expected("invalid_retry_due" if row.asked_before else "names_changed", asked, usable)
    return by_window


def _may_be_applied(row: Row, settings: Settings) -> bool:
    names_differ = row.answer_names != (row.artist, row.title)
    if row.answer is None or row.state not in ("waiting", "accepted") or names_differ:
        return False
    if row.state == "accepted":
        return True
    resolved = row.answer_kind == "single_artist"
    days = settings.stale_threshold_days if resolved else settings.unresolved_retry_days
    return timedelta(minutes=row.answer) < timedelta(days=days)


PUT = """
WITH given AS (
    SELECT row_number() OVER () AS id, given.*
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (
        artist text, title text, canonical text, main int, method text, attempt int, attempt_kind text, answer int,
        answer_kind text, answer_names text[], state text, in_part boolean, asked_before boolean
    )
), shelved AS (
    INSERT INTO library (id, artist_id, artist_name, album_title, legacy_release_id, canonical_entity_id)
    SELECT id, 1, artist, title, id, canonical FROM given
), main AS (
    INSERT INTO library_identity (library_id, method, confidence, last_verified_at)
    SELECT id, method, 1, now() - make_interval(mins => main) FROM given WHERE main IS NOT NULL
), attempt AS (
    INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at)
    SELECT id, attempt_kind, now() - make_interval(mins => attempt), 1, now() FROM given WHERE attempt IS NOT NULL
), answer AS (
    INSERT INTO lml_verdict (
        library_id, kind, verdict, tracks_trusted, artist_name, album_title, asked_at, run_id, previous_asked_at
    )
    SELECT
        id, answer_kind, '{}', false, answer_names[1], answer_names[2], now() - make_interval(mins => answer), 'run',
        CASE WHEN asked_before THEN now() - interval '30 days' END
    FROM given WHERE answer IS NOT NULL
)
INSERT INTO lml_verdict_state (
    library_id, asked_at, applied_at, unwound_at, rejected_reason, set_aside, held_at, held_run_id, accepted_at,
    dropped_at
)
SELECT
    id,
    now() - make_interval(mins => answer),
    CASE WHEN state IN ('applied', 'unwound') THEN now() END,
    CASE WHEN state = 'unwound' THEN now() END,
    CASE WHEN state = 'set_aside' THEN 'no good' END,
    CASE WHEN in_part THEN CAST('[]' AS jsonb) END,
    CASE WHEN state = 'held' THEN now() END,
    CASE WHEN state = 'held' THEN 'run' END,
    CASE WHEN state = 'accepted' THEN now() END,
    CASE WHEN state = 'dropped' THEN now() END
FROM given WHERE answer IS NOT NULL AND (state <> 'waiting' OR in_part)
"""


@contextmanager
def library_of(shelf: Shelf, *rows: Row) -> Iterator[Connection]:
    """A transaction in which the library holds these rows, with the ids 1, 2, ...; now() stands still in it."""
    told = [{**vars(row), "answer_names": list(row.answer_names)} for row in rows]
    with shelf.database.transaction() as connection:
        connection.execute(
            text("TRUNCATE library, lml_verdict, lml_verdict_state, library_unresolved CASCADE")
        )
        connection.execute(
            text("INSERT INTO artists (id, artist_name) VALUES (1, 'x') ON CONFLICT DO NOTHING")
        )
        connection.execute(text(PUT), {"rows": orjson.dumps(told).decode()})
        yield connection


def read_rule(connection: Connection, settings: Settings) -> list[dict[str, Any]]:
    found = connection.execute(
        text(
            "SELECT *, now() AS now FROM due_library(:stale_threshold_days, :unresolved_retry_days, "
            ":invalid_retry_days) ORDER BY library_id"
        ),
        windows(settings),
    )
    return [dict(row) for row in found.mappings()]


# A minute on either side of the end of a window, and exactly its end.
AGES = st.none() | st.integers(1, 4).flatmap(
    lambda day: st.sampled_from([day * 1440 - 1, day * 1440, day * 1440 + 1, day * 1440 - 700])
)
ROWS = st.builds(
    Row,
    artist=st.sampled_from(["Anna", "Anna", "Anna", " ", None]),
    title=st.sampled_from(["First", "First", ""]),
    canonical=st.sampled_from([None, "discogs:1"]),
    main=AGES,
    method=st.sampled_from(["exact_match", "exact_match", "inherited", "manual"]),
    attempt=AGES,
    attempt_kind=st.sampled_from(["unresolved", "compilation"]),
    answer=AGES,
    answer_kind=st.sampled_from([None, "single_artist", "unresolved", "compilation"]),
    answer_names=st.sampled_from([NAMES, NAMES, ("Other", "First"), ("Anna", "")]),
    state=st.sampled_from(["waiting", "applied", "unwound", "set_aside", "held", "accepted", "dropped"]),
    in_part=st.booleans(),
    asked_before=st.booleans(),
)


@given(
    rows=st.lists(ROWS, min_size=20, max_size=60),
    stale_days=st.integers(1, 4),
    retry_days=st.integers(1, 4),
    invalid_days=st.integers(1, 4),
)
@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_due_library_is_the_rule(
    shelf: Shelf, rows: list[Row], stale_days: int, retry_days: int, invalid_days: int
) -> None:
    settings = replace(
        shelf.settings,
        stale_threshold_days=stale_days,
        unresolved_retry_days=retry_days,
        invalid_retry_days=invalid_days,
    )
    with library_of(shelf, *rows) as connection:
        found = read_rule(connection, settings)
    for row, said in zip(rows, found, strict=True):
        expected = rule(row, said["now"], settings)
        is_manual = row.main is not None and row.method == "manual"
        is_held = (
            row.state == "held" and row.answer is not None and row.answer_names == (row.artist, row.title)
        )
        assert said["is_held"] is (is_held and not is_manual)
        assert said["is_manual"] is is_manual
        assert said["reason"] == expected.reason, row
        assert said["is_answered"] is expected.is_answered, row
        assert said["has_no_artist"] is not bool((row.artist or "").strip())
        assert said["in_canonical_scope"] is (row.canonical is not None)
        if not (is_manual or is_held):
            assert said["due_from"] == expected.due_from, row
        is_due = expected.due_from is None or expected.due_from <= said["now"]
        assert said["is_due"] is (not is_manual and not is_held and is_due), row


DAY = 1440
CASES = {
    "never asked": (Row(), "never_asked", True),
    "a title that is blank": (Row(title=""), "never_asked", True),
    "resolved, a minute before its window ends": (Row(main=7 * DAY - 1), "stale", False),
    "resolved, exactly when its window ends": (Row(main=7 * DAY), "stale", True),
    "unresolved, a minute before its window ends": (Row(attempt=7 * DAY - 1), "retry_due", False),
    "unresolved, exactly when its window ends": (Row(attempt=7 * DAY), "retry_due", True),
    "resolved once and unresolved now": (Row(main=9 * DAY, attempt=DAY), "stale", False),
    "renamed since it was asked": (
        Row(main=DAY, answer=DAY, answer_names=("Old", "First"), state="applied"),
        "names_changed",
        True,
    ),
    "retitled since it was asked, and nothing was found": (
        Row(attempt=DAY, answer=DAY, answer_names=("Anna", "Old"), state="applied"),
        "names_changed",
        True,
    ),
    "renamed, and the answer to the new names is not written yet": (
        Row(main=DAY, answer=60),
        "names_changed",
        True,
    ),
    "renamed, and what was written from the new names was taken back": (
        Row(main=DAY, answer=60, state="unwound"),
        "names_changed",
        True,
    ),
    "renamed, and the answer to the new names was set aside": (
        Row(main=DAY, answer=60, state="set_aside"),
        "invalid_retry_due",
        False,
    ),
    "set aside whole, a minute before the window ends": (
        Row(answer=DAY - 1, state="set_aside"),
        "invalid_retry_due",
        False,
    ),
    "set aside whole, exactly when the window ends": (
        Row(answer=DAY, state="set_aside"),
        "invalid_retry_due",
        True,
    ),
    "set aside whole, though the window of an identity runs": (
        Row(main=2 * DAY, answer=DAY, state="set_aside"),
        "invalid_retry_due",
        True,
    ),
    "set aside in part, exactly when the shorter window ends": (
        Row(main=DAY, answer=DAY, state="applied", in_part=True),
        "invalid_retry_due",
        True,
    ),
    "set aside in part, and the identity was deleted": (
        Row(answer=60, state="applied", in_part=True),
        "never_asked",
        True,
    ),
    "held back, though its window ended": (Row(main=9 * DAY, answer=60, state="held"), None, False),
    "held back, and never asked before": (Row(answer=30 * DAY, state="held"), None, False),
    "held back, and renamed since": (
        Row(answer=60, answer_names=("Old", "First"), state="held"),
        "names_changed",
        True,
    ),
    "held back, and accepted": (Row(main=9 * DAY, answer=60, state="accepted"), "stale", True),
    "held back, and dropped": (Row(answer=60, state="dropped"), "never_asked", True),
    "applied, and the identity was deleted": (Row(answer=60, state="applied"), "never_asked", True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_due_when_the_rule_says_so(shelf: Shelf, case: str) -> None:
    row, reason, is_due = CASES[case]
    with library_of(shelf, row) as connection:
        [said] = read_rule(connection, shelf.settings)
    assert (said["reason"], said["is_due"]) == (reason, is_due)


def test_a_persons_decision_is_never_due_whatever_else_is_true_of_the_row(shelf: Shelf) -> None:
    for row in (
        Row(main=9 * DAY, method="manual"),
        Row(main=9 * DAY, method="manual", answer=DAY, answer_names=("Old", "First")),
        Row(main=9 * DAY, method="manual", answer=2 * DAY, state="set_aside"),
    ):
        with library_of(shelf, row) as connection:
            [said] = read_rule(connection, shelf.settings)
            assert due_in(read_due_facts(connection, shelf.settings, 1), Scope.full).why is DueWhy.manual
        assert (said["reason"], said["is_due"]) == (None, False)


def reason_of(shelf: Shelf, library_id: int) -> str | None:
    shelf.select()
    rows = shelf.rows("SELECT reason FROM candidate_library WHERE library_id = :id", id=library_id)
    return rows[0]["reason"] if rows else None


def test_an_answer_to_new_names_that_a_crash_left_unwritten_is_written_by_the_next_pass(shelf: Shelf) -> None:
    library_id = shelf.put("Old")
    shelf.select()
    shelf.answer(single_artist(library_id))
    shelf.write()
    shelf.run("UPDATE library SET artist_name = 'New'")
    assert reason_of(shelf, library_id) == "names_changed"
    shelf.answer(single_artist(library_id, main={"wikidata_qid": "Q99"}))

    assert reason_of(shelf, library_id) == "names_changed"
    shelf.write()
    assert shelf.outcomes() == {library_id: "resolved"}
    assert shelf.rows("SELECT wikidata_qid FROM library_identity") == [{"wikidata_qid": "Q99"}]
    assert reason_of(shelf, library_id) is None


def test_new_names_are_asked_again_until_lml_answers_them(shelf: Shelf) -> None:
    library_id = shelf.put("Old")
    shelf.select()
    shelf.answer(nothing(library_id))
    shelf.write()
    shelf.run("UPDATE library SET album_title = 'New'")
    for _ in range(2):
        assert reason_of(shelf, library_id) == "names_changed"
    shelf.answer(nothing(library_id))
    shelf.write()
    assert reason_of(shelf, library_id) is None
