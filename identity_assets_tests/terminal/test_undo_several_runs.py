"""`unwind` of an older run, a night or a backfill: one preview, one answer, and the tables as they stood before."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line
from identity_assets_tests.terminal.stock import all_tables, run_full_scope, stock_five_rows

pytestmark = pytest.mark.long


def identities(shelf: Shelf) -> dict[str, list[dict[str, Any]]]:
    """The tables that an undo restores to the byte."""
    tables = ("library_identity", "library_identity_source", "library_unresolved")
    return {table: shelf.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}


def spoil(shelf: Shelf, library_id: int) -> None:
    shelf.run(
        "UPDATE library_identity_source SET external_id = 'old' WHERE library_id = :id AND source = "
        "(SELECT min(source) FROM library_identity_source WHERE library_id = :id)",
        id=library_id,
    )


@pytest.fixture
def three_runs(shelf: Shelf, env: dict[str, str]) -> list[str]:
    """Three runs a week apart over the same five rows; between them a source row is spoilt, so that they write."""
    ids, run_ids = stock_five_rows(shelf), []
    for one in ids[:3]:
        run_ids.append(run_full_scope(env))
        if len(run_ids) < 3:
            shelf.age(8)
            if one != ids[2]:
                spoil(shelf, one)
    return run_ids


def test_unwind_of_an_older_run_lists_the_runs_to_take_back_first_in_order(
    shelf: Shelf, env: dict[str, str], three_runs: list[str]
) -> None:
    first, second, third = three_runs
    before = all_tables(shelf)
    ended = call_here("unwind", "--run", first, "--yes", env=env)
    assert ended.returncode == 1
    line = one_line(ended)
    assert "there is nothing to take back" in line
    assert f"in this order, or use --and-later: {third} (5 of these library rows), {second} (5" in line
    assert all_tables(shelf) == before


def test_and_later_takes_an_older_run_back_through_the_runs_after_it(
    shelf: Shelf, env: dict[str, str], three_runs: list[str]
) -> None:
    other = shelf.put("Known 7")
    fourth = run_full_scope(env)
    asked = call_here("unwind", "--run", three_runs[0], "--and-later", env=env)
    assert asked.returncode == 1
    order = [line.split()[2].rstrip(",") for line in asked.stderr.splitlines() if ". run " in line]
    assert order == three_runs[::-1]
    done = call_here("unwind", "--run", three_runs[0], "--and-later", "--yes", "--json", env=env)
    result = json.loads(done.stdout)
    assert (result["rows"], result["left_alone"]) == (5, {})
    assert [run["run_id"] for run in result["runs"]] == three_runs[::-1]
    # The fourth run wrote another library row only, which stays.
    assert {row["library_id"] for row in identities(shelf)["library_identity"]} == {other}
    assert call_here("unwind", "--run", fourth, "--yes", env=env).returncode == 0
    assert identities(shelf)["library_identity_source"] == []


def test_since_takes_back_a_night_and_leaves_what_was_before_it_to_the_byte(
    shelf: Shelf, env: dict[str, str]
) -> None:
    ids = stock_five_rows(shelf)
    run_full_scope(env)
    shelf.age(8)
    for one in ids[:2]:
        spoil(shelf, one)
    before = identities(shelf)
    [now] = shelf.rows("SELECT now() AS now")
    night = [
        json.loads(call_here("run", "--scope", "full", "--partition", key, "--json", env=env).stdout)[
            "run_id"
        ]
        for key in ("01", "02", "03", "04", "05")
    ]
    shelf.run("UPDATE library SET artist_name = 'Known 9' WHERE id = :id", id=ids[0])
    again = run_full_scope(env)
    assert identities(shelf) != before
    done = call_here("unwind", "--since", now["now"].isoformat(), "--yes", "--json", env=env)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {run["run_id"] for run in result["runs"]} == {*night, again}
    assert identities(shelf) == before
    assert set(shelf.outcomes().values()) <= {"unwound", None}


def test_a_run_of_somebody_else_in_between_is_not_taken_back_with_the_others(
    shelf: Shelf, env: dict[str, str], three_runs: list[str], tmp_path: Path
) -> None:
    first, _, third = three_runs
    before = identities(shelf)
    home = dagster_home_with_backfill(tmp_path, first, third)
    ended = call_here("unwind", "--backfill", "nightfill", "--yes", env={**env, "DAGSTER_HOME": home})
    assert ended.returncode == 1
    assert "written_again" in one_line(ended)
    assert identities(shelf) == before


def test_a_decision_of_a_person_is_taken_back_by_its_own_run_only(shelf: Shelf, env: dict[str, str]) -> None:
    first, second, *_ = stock_five_rows(shelf)
    [now] = shelf.rows("SELECT now() AS now")
    night = run_full_scope(env)
    assert call_here("reject", str(first), "--by", "anna", env=env).returncode == 0
    assert call_here("correct", str(second), "--wikidata", "Q5", "--yes", env=env).returncode == 0
    for choice in (("--since", now["now"].isoformat()), ("--run", night, "--and-later")):
        before = identities(shelf)
        planned = call_here("unwind", *choice, env=env)
        assert planned.returncode == 1
        assert "left alone (manual): a person has decided the row since" in planned.stderr
        assert planned.stderr.count(", manual") == 2
        assert identities(shelf) == before
    done = call_here("unwind", "--since", now["now"].isoformat(), "--yes", "--json", env=env)
    assert json.loads(done.stdout)["left_alone"] == {"manual": 2}
    assert shelf.rows("SELECT library_id FROM correction ORDER BY 1") == [
        {"library_id": one} for one in sorted((first, second))
    ]


def dagster_home_with_backfill(tmp_path: Path, *run_ids: str) -> str:
    """A Dagster instance that knows these runs as the runs of the backfill `nightfill`."""
    (tmp_path / "dagster.yaml").touch()
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for run_id in run_ids:
            instance.add_run(
                dg.DagsterRun(
                    job_name="refresh_library_identity",
                    run_id=run_id,
                    tags={"dagster/backfill": "nightfill"},
                    status=dg.DagsterRunStatus.SUCCESS,
                )
            )
    return str(tmp_path)


def test_a_backfill_is_taken_back_by_its_id(
    shelf: Shelf, env: dict[str, str], three_runs: list[str], tmp_path: Path
) -> None:
    home = dagster_home_with_backfill(tmp_path, *three_runs)
    ended = call_here("unwind", "--backfill", "nightfill", "--yes", env={**env, "DAGSTER_HOME": home})
    assert ended.returncode == 0, ended.stderr
    assert identities(shelf) == {
        "library_identity": [],
        "library_identity_source": [],
        "library_unresolved": [],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--since", "yesterday"], 2, "--since takes a time such as 2026-11-21"),
        (["--since", "2999-01-01"], 1, "no run has written anything since 2999-01-01"),
        (["--backfill", "x"], 2, "set DAGSTER_HOME"),
        (["--and-later", "--since", "2026-01-01"], 2, "--and-later needs --run"),
        (["--since", "2026-01-01", "--run", "12345678"], 2, "choose what to take back"),
    ],
)
def test_a_bad_choice_is_one_line(
    arguments: list[str], code: int, message: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put("Known 1")
    ended = call_here("unwind", *arguments, env=env)
    assert ended.returncode == code
    assert message in one_line(ended)


def test_explain_says_plainly_that_a_row_was_taken_back_until_it_is_written_again(
    shelf: Shelf, env: dict[str, str]
) -> None:
    one = shelf.put("Known 1")
    run_id = run_full_scope(env)
    call_here("unwind", "--run", run_id, "--yes", env=env)
    told = call_here("explain", str(one), env=env).stdout
    assert "Taken back on " in told
    assert "an unwind put back what stood before" in " ".join(told.split())
    assert "No main row: the artist is not known." in told
    run_full_scope(env)
    assert "an unwind put back" not in " ".join(call_here("explain", str(one), env=env).stdout.split())


def test_explain_says_so_too_where_a_leg_wrote_last(shelf: Shelf, env: dict[str, str]) -> None:
    one = shelf.put("Stranger", canonical="discogs:5")
    run_full_scope(env)
    shelf.age(1)
    ended = call_here("run", "--scope", "full", "--json", env={**env, "IDENTITY_LEGS": "S1"})
    leg_run = json.loads(ended.stdout)["run_id"]
    assert shelf.rows("SELECT notes FROM library_identity") == [{"notes": "backfill:S1"}]
    assert call_here("unwind", "--run", leg_run, "--yes", env=env).returncode == 0
    told = " ".join(call_here("explain", str(one), env=env).stdout.split())
    assert "an unwind put back what stood before" in told
