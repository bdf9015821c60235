"""The status is one screen of 24 lines and 80 columns, and Dagster's last runs are told as they were."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from rich.console import Console

from identity_assets.backend.reports.overview import DueDay, Overview
from identity_assets.settings import Scope
from identity_assets.terminal.status_screen import BAR, RunLine, bar, format_duration, last_runs, print_status

FRIDAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OVERVIEW = Overview(
    read_at=NOON,
    scope=Scope.canonical,
    library_rows=64_676,
    states={
        "resolved": 14_405,
        "low_confidence": 7,
        "manual": 12,
        "decided_none": 0,
        "unresolved_in_window": 15_376,
        "compilation_in_window": 6_300,
        "invalid_in_window": 5,
        "rejected_in_window": 0,
        "answer_held": 0,
        "retry_due": 40,
        "names_changed": 3,
        "invalid_retry_due": 2,
        "never_asked": 28_520,
        "no_artist_name": 6,
    },
    answers_held=0,
    due_now={
        Scope.canonical: {
            "never_asked": 11,
            "names_changed": 3,
            "retry_due": 22,
            "invalid_retry_due": 2,
            "stale": 33,
            "asked_again": 0,
        },
        Scope.full: {
            "never_asked": 28_520,
            "names_changed": 13,
            "retry_due": 40,
            "invalid_retry_due": 4,
            "stale": 1_033,
            "asked_again": 0,
        },
    },
    next_due=tuple(
        DueDay(FRIDAY + timedelta(days=ahead), rows)
        for ahead, rows in enumerate((0, 1, 50, 5_000, 10_000, 0, 0, 0))
    ),
)
RUN = RunLine("0a1b2c3d-ffff", "refresh_library_identity", "SUCCESS", NOON, "00 to 15", 75.2)
GATE = {"truly_unresolved_rows": 31_234, "threshold": 1000, "gate_status": "FAIL"}


def screen(
    overview: Overview = OVERVIEW,
    runs: Sequence[RunLine] | None = (RUN,) * 5,
    gate: Mapping[str, object] | None = GATE,
) -> list[str]:
    out = io.StringIO()
    print_status(Console(file=out, width=80), overview, runs, gate)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def assert_said(words: str, printed: Sequence[str]) -> None:
    assert any(words in " ".join(line.split()) for line in printed), "\n".join(printed)


def test_it_is_one_screen() -> None:
    printed = screen()
    assert len(printed) <= 23
    assert max(map(len, printed)) <= 80
    assert not any("…" in line for line in printed)


@pytest.mark.parametrize(
    "words",
    [
        "resolved 14,405",
        "confidence below 0.70 7",
        "manual, set by a person 12",
        "unresolved, in window 15,376",
        "compilation, in window 6,300",
        "set aside, in window 5",
        "to be tried again 40",
        "names changed 3",
        "set aside, to ask again 2",
        "never asked 28,520",
        "no artist name 6",
        "in all 64,676",
        "Due now canonical full",
        "never asked 11 28,520",
        "names changed 3 13",
        "answer set aside 2 4",
        "to be tried again 22 40",
        "stale 33 1,033",
        "in all 71 29,610",
        "Due next, scope canonical, days in UTC",
        "0a1b2c3d 20 Nov 12:00 success 00 to 15 1 min 15 s refresh_library_identity",
        "Gate FAIL: 31,234 truly unresolved library rows, complete below 1,000",
    ],
)
def test_every_number_stands_beside_its_name(words: str) -> None:
    assert_said(words, screen())


def test_the_week_ahead_is_a_bar_a_day() -> None:
    full, half = "█" * BAR, "█" * round(BAR / 2)
    for words in ("today 0", "Sat 21 █ 1", "Sun 22 █ 50", f"Mon 23 {half} 5,000", f"Tue 24 {full} 10,000"):
        assert_said(words, screen())


def test_a_bar_is_in_proportion_and_any_row_shows() -> None:
    assert bar(0, 0) == bar(0, 9) == ""
    assert bar(1, 1_000_000) == "█"
    assert bar(9, 9) == "█" * BAR


def test_a_terminal_without_blocks_gets_number_signs() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    print_status(Console(file=out, width=80), OVERVIEW, None, None)
    out.flush()
    assert "#" * BAR in raw.getvalue().decode("ascii")


def test_in_the_full_scope_what_is_due_is_said_once() -> None:
    printed = screen(replace(OVERVIEW, scope=Scope.full))
    assert_said("Due now full", printed)
    assert_said("Due next, scope full", printed)
    assert not any("canonical" in line for line in printed)


def test_what_cannot_be_shown_is_said() -> None:
    assert_said("Last runs no runs yet", screen(runs=[]))
    printed = screen(runs=None, gate=None)
    assert_said("Last runs no Dagster instance: set DAGSTER_HOME", printed)
    assert_said("Gate cannot be read", printed)


def test_a_run_that_has_not_begun_is_shown_so() -> None:
    waiting = replace(RUN, status="QUEUED", started_at=None, partitions=None, seconds=None)
    assert_said("0a1b2c3d not started queued - refresh_library_identity", screen(runs=[waiting]))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1 min 00 s"), (200.4, "3 min 20 s"), (7501, "2 h 05 min")],
)
def test_durations_are_said_in_their_own_size(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


@dg.op
def fail_when_asked(context: dg.OpExecutionContext) -> None:
    if context.run.tags.get("fail"):
        raise dg.Failure("asked to")


@dg.job
def errand() -> None:
    fail_when_asked()


def test_the_last_runs_come_newest_first_with_status_partitions_and_duration(
    instance: dg.DagsterInstance,
) -> None:
    for tags in (
        {},
        {"dagster/partition": "03"},
        {"dagster/asset_partition_range_start": "00", "dagster/asset_partition_range_end": "15"},
        {"dagster/asset_partition_range_start": "04", "dagster/asset_partition_range_end": "04", "fail": "1"},
    ):
        errand.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    runs = last_runs(instance)
    assert [(run.status, run.partitions) for run in runs] == [
        ("FAILURE", "04"),
        ("SUCCESS", "00 to 15"),
        ("SUCCESS", "03"),
        ("SUCCESS", None),
    ]
    assert [run.run_id for run in last_runs(instance, limit=2)] == [run.run_id for run in runs[:2]]
    for run in runs:
        assert run.job == "errand"
        assert run.started_at is not None
        assert run.started_at.utcoffset() == timedelta(0)
        assert run.seconds is not None
        assert 0 <= run.seconds < 60
        assert json.loads(json.dumps(run.as_dict()))["started_at"].endswith("+00:00")


def test_a_run_that_is_not_launched_has_no_start(instance: dg.DagsterInstance) -> None:
    instance.create_run_for_job(errand)
    [line] = last_runs(instance)
    assert (line.status, line.started_at, line.seconds) == ("NOT_STARTED", None, None)


def test_a_run_that_goes_on_has_lasted_so_far(instance: dg.DagsterInstance) -> None:
    seen: list[RunLine] = []

    @dg.op
    def look(context: dg.OpExecutionContext) -> None:
        seen.extend(last_runs(context.instance))

    @dg.job
    def looking() -> None:
        look()

    looking.execute_in_process(instance=instance)
    [line] = seen
    assert line.status == "STARTED"
    assert line.seconds is not None


def test_what_people_decided_has_a_line_if_there_is_any() -> None:
    states = {**OVERVIEW.states, "decided_none": 4, "rejected_in_window": 3}
    printed = screen(replace(OVERVIEW, states=states))
    assert_said("no identity, says a person 4", printed)
    assert_said("rejected, in window 3", printed)
    assert not any("says a person" in line or "rejected" in line for line in screen())
