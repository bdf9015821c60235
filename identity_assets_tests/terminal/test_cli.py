"""The command as an operator starts it: exit codes, one line for what is wrong, a quick start, any terminal."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from typing import Any

import dagster as dg
import pytest

from identity_assets import __version__
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call, call_here, clean_env, command, one_line

UNREACHABLE = "postgresql://u:hunter2@127.0.0.1:1/d"
HEAVY = ("dagster", "alembic", "pydantic", "httpx", "psycopg2", "sentry_sdk")


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "message"),
    [
        (["run"], {"DATABASE_URL": ""}, 2, "DATABASE_URL is not set"),
        (["run"], {"DAGSTER_HOME": "/not/there"}, 2, "DAGSTER_HOME"),
        (["run"], {"LIBRARY_METADATA_URL": ""}, 2, "LIBRARY_METADATA_URL is not set"),
        (["run"], {"IDENTITY_LEGS": "S3"}, 2, "DATABASE_URL_DISCOGS is not set"),
        (
            ["run"],
            {"BATCH_SIZE": "5000"},
            2,
            "BATCH_SIZE='5000' is not valid: it takes a whole number from 1 to 1000",
        ),
        (["run", "--partition", "16"], {}, 2, "there is no partition 16: they are 00 to 15"),
        (["run", "--scope", "all"], {}, 2, "'all' is not one of 'canonical', 'full'"),
        (["run"], {"DATABASE_URL": UNREACHABLE}, 1, "PostgreSQL cannot be reached"),
        (["migrate"], {"DATABASE_URL": UNREACHABLE}, 1, "PostgreSQL cannot be reached"),
        (["migrate"], {"DATABASE_URL": ""}, 2, "DATABASE_URL is not set"),
        (["fly"], {}, 2, "No such command 'fly'"),
        (["demo", "--rows", "0"], {}, 2, "0 is not in the range 1<=x<=2000000"),
        (["demo", "--catalog", "nowhere.csv"], {}, 2, "nowhere.csv"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_right_exit_code(
    env: dict[str, str], arguments: list[str], changes: dict[str, str], code: int, message: str
) -> None:
    ended = call_here(*arguments, env={**env, "DAGSTER_HOME": "", **changes})
    assert ended.returncode == code, ended.stderr
    assert message in one_line(ended)
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["--help"], {"BATCH_SIZE": "5000"}, "BATCH_SIZE='5000' is not valid"),
        (["run"], {"LIBRARY_PARTITIONS": "many"}, "LIBRARY_PARTITIONS='many' is not valid"),
        (["run", "--no-such-option"], {}, "No such option"),
    ],
)
def test_a_process_that_is_started_wrongly_ends_with_2_and_one_line(
    arguments: list[str], variables: dict[str, str], message: str
) -> None:
    ended = call(*arguments, env=clean_env(**variables))
    assert ended.returncode == 2
    assert message in one_line(ended)


def test_help_and_version_end_with_0() -> None:
    shown = call("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: identity-assets ")
    assert call_here("--version").stdout == f"identity-assets, version {__version__}\n"


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2() -> None:
    ended = call_here()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Commands:" in ended.stderr


def test_the_command_line_loads_no_heavy_package_before_a_command_runs() -> None:
    code = f"import sys, identity_assets.terminal.cli; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=clean_env(), capture_output=True, text=True, timeout=60, check=True
    )
    assert loaded.stdout == "[]\n"


def test_a_process_prints_its_result_on_stdout_and_its_messages_on_stderr(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1", "Stranger"])
    ended = call("run", "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["lml_total_calls"] == lml.calls.number == 1
    messages = ended.stderr.splitlines()
    assert messages[0].startswith("DAGSTER_HOME is not set")
    assert "takes back what this run wrote" in messages[-1]


def test_a_terminal_without_utf_8_shows_escapes_in_place_of_characters_that_it_lacks(
    shelf: Shelf, env: dict[str, str]
) -> None:
    library_id = shelf.put("Motörhead", "→ 東京")
    ended = call("explain", str(library_id), env={**env, "PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert r"Mot\xf6rhead" in ended.stdout
    assert r"\u2192 \u6771\u4eac" in ended.stdout


@pytest.mark.parametrize("interrupt", [SIGINT, SIGTERM])
def test_a_run_that_is_interrupted_outside_its_steps_ends_with_130_and_one_line(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, interrupt: Signals
) -> None:
    handle = dg.DagsterInstance.handle_new_event

    def interrupt_before_the_first_step(
        instance: dg.DagsterInstance, entry: dg.EventLogEntry, **kwargs: Any
    ) -> None:
        handle(instance, entry, **kwargs)
        if (
            entry.dagster_event is not None
            and entry.dagster_event.event_type is dg.DagsterEventType.RUN_START
        ):
            signal.raise_signal(interrupt)

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", interrupt_before_the_first_step)
    previous = signal.signal(interrupt, signal.default_int_handler)
    try:
        ended = call_here("run", env=env)
    finally:
        signal.signal(interrupt, previous)
    assert (ended.returncode, ended.stdout) == (130, ""), ended.stderr
    assert ended.stderr.splitlines()[-1] == "identity-assets: interrupted"


@pytest.mark.parametrize("arguments", [["status"], ["gate", "--json"]])
def test_a_result_that_does_not_fit_on_the_disk_is_one_line(
    env: dict[str, str], arguments: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command(*arguments),
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 1, ended.stderr
    [line] = ended.stderr.splitlines()
    assert "cannot be written: No space left on device" in line


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_run_without_stdout_or_stderr_does_its_work(shelf: Shelf, env: dict[str, str], closed: str) -> None:
    library_id = shelf.put("Known 1")
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *command("run")],
        env={name: value for name, value in env.items() if name != "LOG_FORMAT"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert shelf.outcomes() == {library_id: "resolved"}


@pytest.mark.long
@pytest.mark.parametrize("interrupt", [SIGINT, SIGTERM])
def test_a_run_that_is_interrupted_ends_with_130_and_one_line(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread, interrupt: Signals
) -> None:
    shelf.put_many(["Known 1"] * 40)
    lml.faults.add(Fault("delay", seconds=0.3))
    process = subprocess.Popen(
        command("run"),
        env={**env, "BATCH_SIZE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while lml.calls.number == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(interrupt)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "identity-assets: interrupted"


DAGSTERS_DATABASE_IS_DOWN = """
storage:
  postgres:
    postgres_db:
      {scheme: postgresql+psycopg2, hostname: 127.0.0.1, port: 1, db_name: d, username: u, password: hunter2}
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("instance", "code", "said"),
    [
        (
            DAGSTERS_DATABASE_IS_DOWN,
            1,
            "Dagster's database, which DAGSTER_HOME names, cannot be used: connection to",
        ),
        (
            "storage: {nonsense: 1}",
            2,
            "DAGSTER_HOME is not valid: Errors whilst loading dagster instance config",
        ),
        ("a: [b", 2, "DAGSTER_HOME is not valid: while parsing a flow sequence"),
    ],
)
def test_a_dagster_instance_that_cannot_be_used_is_one_line(
    shelf: Shelf, env: dict[str, str], tmp_path: Path, instance: str, code: int, said: str
) -> None:
    shelf.put("Known 1")
    (tmp_path / "dagster.yaml").write_text(instance, encoding="utf-8")
    here = {**env, "DAGSTER_HOME": str(tmp_path)}
    for arguments in (["run"], ["status"], ["unwind", "--backfill", "x"]):
        ended = call_here(*arguments, env=here)
        assert ended.returncode == code, ended.stderr
        assert said in one_line(ended)
        assert "hunter2" not in ended.stderr
    gate = call_here("gate", env={**here, "GATE_THRESHOLD": "1000"})
    assert (gate.returncode, gate.stdout.split()[0]) == (0, "Gate")
    assert said in gate.stderr
