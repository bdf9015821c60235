"""The status is one screen of 80 columns, readable at 40: what ran, what runs next, and what it costs."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from rich.console import Console

from identity_assets.backend.reports.outlook import RecentWrite, TickCost
from identity_assets.backend.reports.overview import DueDay, Overview
from identity_assets.gate_trend import GateMoment
from identity_assets.settings import Scope
from identity_assets.terminal.status_runs import (
    RunLine,
    ScheduleLine,
    inputs_per_second,
    last_runs,
    running_runs,
    schedule_lines,
)
from identity_assets.terminal.status_screen import (
    BAR,
    StationRuns,
    Status,
    bar,
    format_duration,
    print_status,
    sparkline,
)

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
RUN = RunLine(
    "0a1b2c3d-ffff",
    "refresh_library_identity",
    "SUCCESS",
    NOON,
    "00 to 15",
    75.2,
    launched_by="schedule nightly_refresh",
    counts={"scanned": 71, "resolved": 40, "resolved_compilation": 0, "unresolved": 31, "asked": 71},
    asking_seconds=0.5,
)
RUNNING = replace(RUN, run_id="99999999-ffff", status="STARTED", has_ended=False, seconds=3.0)
FAILED_RUN = replace(
    RUN, run_id="bbbbbbbb-ffff", status="FAILURE", failure="lml_verdicts: LML is down: no connection"
)
STATION = StationRuns(
    running=[RUNNING],
    last=[RUNNING, RUN, FAILED_RUN],
    schedules=[
        ScheduleLine("nightly_refresh", is_on=True, next_tick=NOON),
        ScheduleLine("daily_gate_report", is_on=False, next_tick=NOON),
    ],
    other_writes=[RecentWrite("cccccccc-ffff", NOON - timedelta(days=1), 5, is_pass=False)],
    trend=[GateMoment(NOON - timedelta(days=1), 31_900), GateMoment(NOON, 31_234)],
)
COST = TickCost(inputs=142, calls=16)
GATE = {"truly_unresolved_rows": 31_234, "threshold": 1000, "gate_status": "FAIL"}


def screen(
    overview: Overview = OVERVIEW,
    runs: StationRuns | None = STATION,
    width: int = 80,
    cost: TickCost = COST,
) -> list[str]:
    out = io.StringIO()
    print_status(Console(file=out, width=width), Status(overview, runs, cost if runs else None, GATE))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def assert_said(words: str, printed: Sequence[str]) -> None:
    assert any(words in " ".join(line.split()) for line in printed), "\n".join(printed)


def test_a_night_with_nothing_due_costs_lml_nothing() -> None:
    assert_said("the next refresh has nothing to ask LML", screen(cost=TickCost(0, 0)))


def test_it_is_one_screen() -> None:
    printed = screen()
    assert len(printed) <= 34
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
        "by schedule nightly_refresh, 71 scanned, 40 resolved, 31 unresolved",
        "99999999 20 Nov 12:00 started 00 to 15 3.0 s refresh_library_identity",
        "bbbbbbbb 20 Nov 12:00 failure 00 to 15 1 min 15 s refresh_library_identity",
        "lml_verdicts: LML is down: no connection",
        "cccccccc 19 Nov 12:00 wrote 5 library rows replay, unwind or correction",
        "nightly_refresh on, next 20 Nov 12:00 UTC",
        "daily_gate_report off: turn it on in the Dagster UI",
        "the next refresh asks LML about 142 rows in 16 calls: 1.0 s at the last rate",
        "31,900 to 31,234 in 2 evaluations since 19 Nov",
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
    print_status(Console(file=out, width=80), Status(OVERVIEW, STATION, COST, GATE))
    out.flush()
    assert "#" * BAR in raw.getvalue().decode("ascii")


def test_in_the_full_scope_what_is_due_is_said_once() -> None:
    printed = screen(replace(OVERVIEW, scope=Scope.full))
    assert_said("Due now full", printed)
    assert_said("Due next, scope full", printed)
    assert not any("canonical" in line for line in printed)


def test_what_cannot_be_shown_is_said() -> None:
    assert_said("Last runs no runs yet", screen(runs=StationRuns()))
    assert_said("Last runs no Dagster instance: set DAGSTER_HOME", screen(runs=None))
    assert_said(
        "asked about enough rows to say how long",
        screen(runs=StationRuns(schedules=STATION.schedules)),
    )


def test_a_run_that_has_not_begun_is_shown_so() -> None:
    waiting = replace(RUNNING, status="QUEUED", started_at=None, partitions=None, seconds=None)
    assert_said(
        "99999999 not started queued - refresh_library_identity", screen(runs=StationRuns(running=[waiting]))
    )


def test_runs_that_go_on_stand_apart_from_those_that_ended() -> None:
    printed = screen()
    running, ended = printed.index("Running now"), printed.index("Last runs")
    assert any("99999999" in line for line in printed[running:ended])
    assert not any("99999999" in line for line in printed[ended:])


def test_a_terminal_of_40_columns_gets_one_section_below_the_other_and_loses_no_word() -> None:
    printed = screen(width=40)
    assert max(map(len, printed)) <= 40
    assert not any("…" in line for line in printed)
    for words in (
        "unresolved, in window 15,376",
        "Due now canonical full",
        "stale 33 1,033",
        "in all 64,676",
    ):
        assert_said(words, printed)


def test_a_line_of_the_trend_is_as_high_as_its_figure() -> None:
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([0, 50, 100]) == "▁▅█"


def test_the_rate_is_that_of_the_newest_run_that_asked_to_the_end() -> None:
    assert inputs_per_second([RUNNING, FAILED_RUN, RUN], 1000) == 142
    assert inputs_per_second([replace(RUN, counts={})], 1000) is None


def test_a_run_about_a_few_rows_does_not_say_how_long_thousands_take() -> None:
    few = replace(RUN, counts={"scanned": 3, "asked": 3}, asking_seconds=0.15)
    assert inputs_per_second([few, RUN], 1000) == 142
    assert inputs_per_second([few], 1000) is None
    assert round(inputs_per_second([few, RUN], 3) or 0) == 20


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


def test_a_run_that_failed_says_why_and_who_launched_it(instance: dg.DagsterInstance) -> None:
    errand.execute_in_process(
        instance=instance,
        tags={"fail": "1", "dagster/schedule_name": "nightly_refresh"},
        raise_on_error=False,
    )
    [line] = last_runs(instance)
    assert (line.failure, line.launched_by) == ("fail_when_asked: asked to", "schedule nightly_refresh")
    assert running_runs(instance) == []


def test_a_run_of_chosen_assets_goes_by_their_names_or_by_the_job_of_all_of_them(
    instance: dg.DagsterInstance,
) -> None:
    whole = {"candidate_libraries", "lml_verdicts", "library_identity"}
    for names in (whole, {"lml_verdicts"}):
        selection = frozenset(dg.AssetKey(name) for name in names)
        instance.add_run(
            dg.DagsterRun(job_name="__ASSET_JOB", run_id=str(uuid4()), asset_selection=selection)
        )
    assert {line.job for line in last_runs(instance)} == {"refresh_library_identity", "lml_verdicts"}


def test_the_schedules_are_off_at_first_and_tick_in_the_stations_time(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").touch()
    with dg.DagsterInstance.from_config(str(tmp_path)) as stored:
        lines = {line.name: line for line in schedule_lines(stored, NOON)}
    assert not any(line.is_on for line in lines.values())
    # 05:00 and 08:00 in New York, in winter.
    assert lines["nightly_refresh"].next_tick == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert lines["daily_gate_report"].next_tick == datetime(2026, 11, 20, 13, tzinfo=UTC)


def test_what_people_decided_has_a_line_if_there_is_any() -> None:
    states = {**OVERVIEW.states, "decided_none": 4, "rejected_in_window": 3}
    printed = screen(replace(OVERVIEW, states=states))
    assert_said("no identity, says a person 4", printed)
    assert_said("rejected, in window 3", printed)
    assert not any("says a person" in line or "rejected" in line for line in screen())
