"""The commands `run` and `migrate`: the report of a run, its options, its failures."""

import json
import re
from pathlib import Path

import dagster as dg
import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line

pytestmark = pytest.mark.long


def test_run_prints_one_json_object_and_nothing_else_on_stdout(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1", "Stranger", "Various Artists", None])
    ended = call_here("run", "--scope", "full", "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    # docs/json.md lists all keys; those about tracks are left out here.
    assert [key for key in report if not key.startswith(("track_", "positions_"))] == [
        "scope",
        "scanned",
        "resolved",
        "resolved_compilation",
        "unresolved",
        "skipped",
        "source_rows_written",
        "source_rows_skipped_null_confidence",
        "history_rows_written",
        "lml_total_calls",
        "lml_total_latency_ms",
        "seconds",
        "run_id",
        "run_ids",
        "red_checks",
    ]
    assert (
        [report["run_id"]]
        == report["run_ids"]
        == [re.findall(r"unwind --run ([0-9a-f-]{36})", ended.stderr)[0]]
    )
    assert (report["scope"], report["scanned"], report["resolved"], report["unresolved"]) == ("full", 4, 1, 1)
    assert (report["resolved_compilation"], report["skipped"]) == (1, {"missing_artist_name": 1})
    # The compilation is asked about twice: the second time with its tracks.
    assert report["lml_total_calls"] == lml.calls.number == 2
    assert report["red_checks"] == []
    assert report["source_rows_written"] == len(shelf.rows("SELECT 1 FROM library_identity_source"))
    assert "DAGSTER_HOME is not set" in ended.stderr


def test_run_takes_partitions_and_include_null_canonical_sets_the_scope(
    shelf: Shelf, env: dict[str, str]
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(40)], canonical=None)
    partitions = ("run", "--partition", "03", "--partition", "05")
    nothing = json.loads(call_here(*partitions, "--json", env=env).stdout)
    assert (nothing["scope"], nothing["scanned"]) == ("canonical", 0)
    full = call_here(*partitions, env={**env, "INCLUDE_NULL_CANONICAL": "true"})
    due = sum(library_id % 16 in {3, 5} for library_id in ids)
    assert full.stdout.startswith(
        f"run: {due} scanned = {due} resolved + 0 resolved_compilation + 0 unresolved"
    )


def test_run_in_the_home_of_a_dagster_instance_is_recorded_there(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    shelf.put("Known 1")
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    ended = call_here("run", env={**env, "DAGSTER_HOME": str(tmp_path)})
    assert ended.returncode == 0
    assert "DAGSTER_HOME is not set" not in ended.stderr
    assert (tmp_path / "history" / "runs.db").exists()


def test_a_run_that_fails_ends_with_1_and_says_why_and_still_prints_its_object(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many([f"Known {n}" for n in range(30)])
    lml.faults.add(Fault("status", status=401))
    ended = call_here("run", "--json", env=env)
    assert ended.returncode == 1
    report = json.loads(ended.stdout)
    assert report["scanned"] == 30 == sum(report["skipped"].values())
    assert "LML_API_KEY" in ended.stderr.splitlines()[-1]


def test_a_run_whose_rows_the_database_refuses_is_red_and_ends_with_3(
    shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put_many([f"Known {n}" for n in range(30)])
    shelf.fault("library_identity", "RAISE EXCEPTION 'refused on purpose'")
    ended = call_here("run", env=env)
    assert ended.returncode == 3, ended.stderr
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("identity-assets: ")]
    assert line == (
        "identity-assets: the check rows_set_aside is red: Library rows that were set aside because of a fault "
        "(100.0% of 30 scanned; writer_error 30): 30."
    )


def test_one_row_of_many_that_is_set_aside_is_no_reason_for_exit_code_3_below_the_limit(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(30)])
    lml.faults.add(Fault("status", library_id=ids[3], status=500))
    below = call_here("run", "--json", env={**env, "SET_ASIDE_SHARE_LIMIT": "0.04"})
    assert (below.returncode, json.loads(below.stdout)["red_checks"]) == (0, []), below.stderr
    again = call_here("run", "--json", env=env)
    report = json.loads(again.stdout)
    assert (again.returncode, report["exit_code"], report["scanned"]) == (3, 3, 1)
    assert report["skipped"] == {"lml_error": 1}
    [red] = report["red_checks"]
    assert (red["check"], red["asset"]) == ("rows_set_aside", "library_identity")
    assert red["reason"].endswith("(100.0% of 1 scanned; lml_error 1): 1.")
    assert report["error"] == f"the check rows_set_aside is red: {red['reason']}"
    assert again.stderr.splitlines()[-1] == f"identity-assets: {report['error']}"


def test_every_red_check_is_one_line_and_a_check_that_only_warns_is_none(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    known = shelf.put("Known 1")
    shelf.put("Stranger", artist_id=2)
    warns = call_here("run", env={**env, "GATE_THRESHOLD": "1"})
    assert warns.returncode == 0, warns.stderr
    enforced = call_here("run", "--json", env={**env, "GATE_THRESHOLD": "1", "GATE_ENFORCED": "true"})
    assert enforced.returncode == 3
    assert [one["check"] for one in json.loads(enforced.stdout)["red_checks"]] == ["truly_unresolved_rows"]

    shelf.run("UPDATE library_identity SET confidence = 0.1 WHERE library_id = :id", id=known)
    shelf.age(30)
    lml.faults.add(Fault("status", library_id=known, status=500))
    several = call_here("run", env={**env, "GATE_THRESHOLD": "1", "GATE_ENFORCED": "true"})
    assert several.returncode == 3
    lines = [line for line in several.stderr.splitlines() if line.startswith("identity-assets: the check ")]
    assert [line.split()[3] for line in lines] == [
        "truly_unresolved_rows",
        "stale_rows",
        "rows_set_aside",
        "confidence_in_band",
    ]


def test_a_check_of_the_whole_library_that_a_later_range_turns_green_is_not_red(
    shelf: Shelf, env: dict[str, str]
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(48)])
    assert call_here("run", env=env).returncode == 0
    shelf.age(30)
    fresh = [library_id for library_id in ids if library_id % 16 not in {3, 5}]
    shelf.run("UPDATE library_identity SET last_verified_at = now() WHERE library_id = ANY (:ids)", ids=fresh)
    one = call_here("run", "--partition", "03", env={**env, "STALE_ROWS_ERROR": "0"})
    assert one.returncode == 3
    assert "the check stale_rows is red" in one.stderr.splitlines()[-1]
    shelf.run(
        "UPDATE library_identity SET last_verified_at = now() - interval '30 days' WHERE library_id % 16 = 3"
    )
    both = call_here("run", "--partition", "03", "--partition", "05", env={**env, "STALE_ROWS_ERROR": "0"})
    assert both.returncode == 0, both.stderr


def test_messages_of_a_run_are_json_lines_where_its_log_is(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put("Known 1")
    lml.faults.add(Fault("status", status=401))
    ended = call_here("run", env={**env, "LOG_FORMAT": "json"})
    assert ended.returncode == 1
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert lines[0]["message"].startswith("DAGSTER_HOME is not set")
    assert (lines[-1]["level"], "LML_API_KEY" in lines[-1]["message"]) == ("error", True)


def test_migrate_says_what_it_did(shelf: Shelf, env: dict[str, str], tmp_path: Path) -> None:
    assert "migrated from revision" in one_line(call_here("migrate", "--down", "--yes", env=env))
    (tmp_path / "dagster.yaml").touch()
    refusal = one_line(call_here("run", env={**env, "DAGSTER_HOME": str(tmp_path)}))
    assert "is at revision none" in refusal
    assert "run `identity-assets migrate`" in refusal
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs_count() == 0
    assert "migrated from revision none to" in one_line(call_here("migrate", env=env))
    assert "functions and views were made again" in one_line(call_here("migrate", env=env))
    assert shelf.rows("SELECT 1 FROM library_unresolved") == []


def test_lml_down_is_one_sentence_with_the_numbers_and_no_hint_to_take_back_nothing(
    shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put_many(["Known 1", "Known 2"])
    ended = call_here("run", env={**env, "LIBRARY_METADATA_URL": "http://127.0.0.1:1"})
    assert ended.returncode == 1
    [failure] = [line for line in ended.stderr.splitlines() if line.startswith("identity-assets: ")]
    assert failure.startswith("identity-assets: lml_verdicts: LML is down: the last batch reached no LML")
    assert failure.endswith("; none of the 2 library rows was answered, and all of them stay due")
    assert "unwind" not in ended.stderr
    assert "Stack Trace" not in ended.stderr
    assert "attempt" not in ended.stderr


def test_lml_down_halfway_names_what_is_kept(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1", "Known 2", "Known 3", "Known 4"])
    lml.faults.add(Fault("status", library_id=2, status=401))
    ended = call_here("run", env={**env, "BATCH_SIZE": "1", "LML_MAX_IN_FLIGHT": "1"})
    assert ended.returncode == 1
    assert "1 of 4 library rows were answered" in ended.stderr
    assert "the other 3 stay due" in ended.stderr


@pytest.mark.parametrize("log_format", [{}, {"LOG_FORMAT": "json"}, {"LOG_FORMAT": "plain"}])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--partition", "99"], "there is no partition 99: they are 00 to 15"),
        (["--scope", "some"], "'some' is not one of"),
        (["--ask-again", "all", "--library-id", "4711"], "there is no library row 4711"),
        (["--ask-again", "all", "--asked-before", "soon"], "'soon' is not a date"),
    ],
)
def test_a_wrong_option_of_run_is_one_plain_line_also_where_stderr_is_a_log(
    arguments: list[str], said: str, log_format: dict[str, str], env: dict[str, str]
) -> None:
    unset = {name: value for name, value in env.items() if name != "LOG_FORMAT"}
    ended = call_here("run", *arguments, env={**unset, **log_format})
    assert ended.returncode == 2
    line = one_line(ended)
    assert line.startswith("identity-assets: ")
    assert said in line
    as_json = call_here("run", "--json", *arguments, env={**unset, **log_format})
    assert json.loads(as_json.stdout) == {"error": line.removeprefix("identity-assets: "), "exit_code": 2}
    assert as_json.stderr == f"{line}\n"


@pytest.mark.parametrize("log_format", [{}, {"LOG_FORMAT": "json"}, {"LOG_FORMAT": "plain"}])
@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"DATABASE_URL": "postgresql://user:hunter2@127.0.0.1:1/x"}, 1, "PostgreSQL cannot be reached"),
        (
            {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "DRY_RUN": "true"},
            1,
            "PostgreSQL cannot be reached",
        ),
        ({"DAGSTER_HOME": "/not/there"}, 2, "DAGSTER_HOME is not valid"),
    ],
)
def test_a_run_that_cannot_begin_says_so_once_in_one_plain_line(
    changed: dict[str, str], code: int, said: str, log_format: dict[str, str], env: dict[str, str]
) -> None:
    unset = {name: value for name, value in env.items() if name != "LOG_FORMAT"}
    ended = call_here("run", env={**unset, **log_format, **changed})
    assert ended.returncode == code
    line = one_line(ended)
    assert line.startswith("identity-assets: ")
    assert said in line
    assert "hunter2" not in line
    as_json = call_here("run", "--json", env={**unset, **log_format, **changed})
    assert json.loads(as_json.stdout) == {"error": line.removeprefix("identity-assets: "), "exit_code": code}
    assert as_json.stderr == f"{line}\n"
