"""The commands that only read: gate, status, explain."""

import json
from pathlib import Path

import pytest

from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line


@pytest.fixture
def stocked(shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread) -> list[int]:
    """Four rows after one run: resolved, unresolved, without an artist, never asked."""
    assert lml.url
    ids = [
        shelf.put("Known 1", artist_id=1),
        shelf.put("Stranger", artist_id=2),
        shelf.put(None, artist_id=3),
    ]
    assert call_here("run", env=env).returncode == 0
    return [*ids, shelf.put("Known 2", artist_id=4)]


def test_gate_prints_the_report_and_ends_with_0_on_pass_and_1_on_fail(
    stocked: list[int], env: dict[str, str]
) -> None:
    passed = call_here("gate", "--json", env=env)
    assert passed.returncode == 0
    report = json.loads(passed.stdout)
    figures = {
        "total_library_rows": len(stocked),
        "unresolved_rows": 3,
        "fallback_resolved_rows": 0,
        "truly_unresolved_rows": 3,
        "decided_none_rows": 0,
        "gate_status": "PASS",
    }
    assert {name: report[name] for name in figures} == figures
    failed = call_here("gate", env={**env, "GATE_THRESHOLD": "3"})
    assert failed.returncode == 1
    assert "FAIL: it passes below 3" in failed.stdout


def test_gate_ends_with_2_when_it_could_not_be_read(env: dict[str, str]) -> None:
    ended = call_here("gate", "--json", env={**env, "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d"})
    assert ended.returncode == 2
    printed = json.loads(ended.stdout)
    assert "PostgreSQL cannot be reached" in printed["error"]
    assert printed["exit_code"] == 2


def test_explain_tells_the_story_of_each_row(stocked: list[int], env: dict[str, str]) -> None:
    resolved, unresolved, nameless, never = stocked
    said = call_here("explain", str(resolved), env=env)
    assert said.returncode == 0
    assert "consumer:lml-bulk" in said.stdout
    stories = {row: json.loads(call_here("explain", str(row), "--json", env=env).stdout) for row in stocked}
    assert [story["library_id"] for story in stories.values()] == stocked
    assert "Known 1" in said.stdout
    assert len({json.dumps(stories[row]["due"]) for row in (unresolved, nameless, never)}) == 3


def test_explain_of_an_unknown_row_is_one_line_and_exit_code_2(shelf: Shelf, env: dict[str, str]) -> None:
    assert shelf.rows("SELECT 1 FROM library") == []
    ended = call_here("explain", "4711", env=env)
    assert ended.returncode == 2
    assert one_line(ended) == "identity-assets: there is no library row 4711"
    assert call_here("explain", "x", env=env).returncode == 2


def test_explain_of_a_row_that_backend_deleted_says_that_it_is_gone(
    stocked: list[int], shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.delete_release(stocked[0])
    ended = call_here("explain", str(stocked[0]), env=env)
    assert ended.returncode == 1
    assert one_line(ended) == f"identity-assets: library row {stocked[0]} is gone: Backend deleted it"


def test_status_fits_one_screen_and_says_the_same_as_json(
    stocked: list[int], env: dict[str, str], tmp_path: Path
) -> None:
    shown = call_here("status", env={**env, "COLUMNS": "80"})
    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) <= 25
    (tmp_path / "dagster.yaml").touch()
    report = json.loads(call_here("status", "--json", env={**env, "DAGSTER_HOME": str(tmp_path)}).stdout)
    assert report["library_rows"] == len(stocked) == sum(report["states"].values())
    assert report["due_now"]["canonical"]["never_asked"] == 1
    assert report["gate"]["truly_unresolved_rows"] == 3
    assert report["last_runs"] == []


@pytest.mark.parametrize("command", [("gate",), ("status",), ("explain", "1")])
def test_a_database_that_is_not_migrated_is_one_line(
    shelf: Shelf, env: dict[str, str], command: tuple[str, ...]
) -> None:
    shelf.run("UPDATE identity_assets.alembic_version SET version_num = '0000'")
    assert "run `identity-assets migrate`" in one_line(call_here(*command, env=env))


def test_status_says_how_much_of_a_run_was_taken_back(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    shelf.put_many(["Known 1", "Stranger"])
    (tmp_path / "dagster.yaml").touch()
    here = {**env, "DAGSTER_HOME": str(tmp_path)}
    run_id = json.loads(call_here("run", "--json", env=here).stdout)["run_id"]
    assert "taken back" not in call_here("status", env=here).stdout
    assert call_here("unwind", "--run", run_id, "--yes", env=here).returncode == 0
    assert "2 rows taken back" in call_here("status", env=here).stdout
    [line] = json.loads(call_here("status", "--json", env=here).stdout)["last_runs"]
    assert (line["run_id"], line["taken_back"]) == (run_id, 2)
