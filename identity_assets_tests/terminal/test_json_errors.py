"""Every `--json` prints one object on stdout, also if the command fails: `error` and `exit_code`."""

import json

import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here

UNREACHABLE = "postgresql://u:hunter2@127.0.0.1:1/d"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--json"],
        ["dry-run", "--json"],
        ["gate", "--json"],
        ["status", "--json"],
        ["explain", "1", "--json"],
        ["replay", "--json"],
        ["unwind", "--library-id", "1", "--json"],
    ],
)
def test_a_command_without_a_database_prints_one_json_object(
    arguments: list[str], env: dict[str, str]
) -> None:
    ended = call_here(*arguments, env={**env, "DATABASE_URL": UNREACHABLE})
    assert ended.returncode in {1, 2}
    result = json.loads(ended.stdout)
    assert list(result) == ["error", "exit_code"]
    assert result["exit_code"] == ended.returncode
    assert "PostgreSQL cannot be reached" in result["error"]
    assert ended.stderr == f"identity-assets: {result['error']}\n"
    assert "hunter2" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate", "--json", "--nosuch"], "No such option '--nosuch'"),
        (["explain", "x", "--json"], "'x' is not a valid integer"),
        (["run", "--json", "--partition", "99"], "there is no partition 99"),
        (["unwind", "--json"], "choose what to take back"),
    ],
)
def test_a_wrong_argument_is_one_json_object_too(
    arguments: list[str], message: str, env: dict[str, str]
) -> None:
    ended = call_here(*arguments, env=env)
    assert ended.returncode == 2
    result = json.loads(ended.stdout)
    assert message in result["error"]
    assert result["exit_code"] == 2


def test_a_run_that_fails_prints_its_counts_and_the_error_in_one_object(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put("Known 1")
    lml.faults.add(Fault("status", status=401))
    ended = call_here("run", "--json", env=env)
    assert ended.returncode == 1
    result = json.loads(ended.stdout)
    assert result["scanned"] == 1
    assert "LML_API_KEY" in result["error"]
    assert result["errors"] == [result["error"]]
    assert result["exit_code"] == 1
    assert len(result["run_ids"]) == 1
