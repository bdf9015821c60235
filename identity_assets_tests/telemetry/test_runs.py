"""What Sentry receives about runs, and what is logged. Each command is a process of its own."""

import json
import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.telemetry.reading import (
    data_of,
    figures_of,
    log_lines,
    run_ids,
    secrets_in,
)
from identity_assets_tests.telemetry.receiver import Receiver
from identity_assets_tests.terminal.calling import call, command

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "traces.md"
SHELF = ["Known 1", "Stranger", "Various Artists", None]


def spans_of(transaction: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [span for span in transaction["spans"] if span["description"] == name]


def documented_names() -> set[str]:
    """The spans and attributes in the table of docs/traces.md."""
    return set(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def names_received(transaction: dict[str, Any]) -> set[str]:
    """All spans and attributes. Those that end with a reason or a number of LML share one name."""
    spans = transaction["spans"]
    found = {transaction["transaction"], *data_of(transaction), *(span["description"] for span in spans)}
    for span in spans:
        found |= span["data"].keys()
    found = {re.sub(r"^(consumer\.rows_skipped\.).*", r"\1<reason>", name) for name in found}
    return {re.sub(r"^(lml\.cache\.).*", r"\1<number>", name) for name in found}


def test_a_run_is_one_trace_under_its_id_with_the_figures_of_its_json_and_one_span_a_call(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread, receiver: Receiver
) -> None:
    shelf.put_many(SHELF * 10)
    lml.faults.add(Fault("status", status=503, times=1), Fault("missing_provenance", times=1))
    ended = call("run", "--scope", "full", "--json", env={**env, "BATCH_SIZE": "7"})
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    [run_id] = run_ids(log_lines(ended.stderr))

    [transaction] = receiver.items("transaction")
    assert receiver.items("event") == []
    assert transaction["transaction"] == "library-identity-consumer.run"
    assert transaction["contexts"]["trace"]["status"] == "ok"
    traces = {
        transaction["contexts"]["trace"]["trace_id"],
        *(one["trace_id"] for one in transaction["spans"]),
    }
    assert traces == {run_id.replace("-", "")}
    told = {name: value for name, value in data_of(transaction).items() if not name.startswith("thread.")}
    assert told == {**figures_of(report), "consumer.run_id": run_id}
    assert report["source_rows_skipped_null_confidence"] > 0

    calls = spans_of(transaction, "lml.bulk_resolve_libraries")
    assert len(calls) == report["lml_total_calls"] == lml.calls.number > 5
    assert {one["op"] for one in calls} == {"http.client"}
    answered = [one for one in calls if one["data"]["http.response.status_code"] == 200]
    assert len(answered) == len(calls) - 1
    assert sum(one["data"]["lml.batch_size"] for one in answered) == 40
    numbers = [v for one in answered for name, v in one["data"].items() if name.startswith("lml.cache.")]
    assert len(numbers) >= len(answered)
    assert all(math.isfinite(number) for number in numbers)
    for stage in ("selection", "asking", "writing"):
        assert len(spans_of(transaction, f"library-identity-consumer.{stage}")) == 1
    assert secrets_in(receiver, ended.stderr, ended.stdout) == []

    assert names_received(transaction) == documented_names()


def test_a_run_that_fails_is_one_event_with_the_exceptions_own_frames(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread, receiver: Receiver
) -> None:
    shelf.put_many(["Known 1"] * 40)
    lml.faults.add(Fault("status", status=401))
    ended = call("run", "--json", env=env)
    assert ended.returncode == 1
    [run_id] = run_ids(log_lines(ended.stderr))

    [event] = receiver.items("event")
    [exception] = event["exception"]["values"]
    assert exception["type"] == "LmlUnauthorised"
    frames = [(frame["module"], frame["function"]) for frame in exception["stacktrace"]["frames"]]
    assert frames[0] == ("identity_assets.assets.lml_verdicts", "_ask")
    assert frames[-1] == ("identity_assets.lml.client", "_answer")
    assert not any("vars" in frame for frame in exception["stacktrace"]["frames"])
    assert event["tags"] == {
        "run_id": run_id,
        "asset": "lml_verdicts",
        "partition": "00..15",
        "step": "lml_verdicts",
    }
    assert (
        "none of the 40 library rows was answered, and all of them stay due"
        in event["contexts"]["failure"]["description"]
    )

    [transaction] = receiver.items("transaction")
    root = transaction["contexts"]["trace"]
    assert root["status"] == "internal_error"
    assert root["trace_id"] == event["contexts"]["trace"]["trace_id"] == run_id.replace("-", "")
    assert event["contexts"]["trace"]["span_id"] == root["span_id"]
    assert figures_of(json.loads(ended.stdout)).items() <= data_of(transaction).items()
    assert secrets_in(receiver, ended.stderr, ended.stdout) == []


def execute(job: str, env: dict[str, str], dagster_home: Path) -> subprocess.CompletedProcess[str]:
    """Run a job with Dagster's own command."""
    return subprocess.run(
        [sys.executable, "-m", "dagster", "job", "execute", "-m", "identity_assets.code_location", "-j", job],
        env={**env, "DAGSTER_HOME": str(dagster_home), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_dry_run_that_fails_is_one_event_too(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread, receiver: Receiver, tmp_path: Path
) -> None:
    shelf.put("Known 1")
    lml.faults.add(Fault("status", status=401))
    assert execute("dry_run", env, tmp_path).returncode == 1
    [event] = receiver.items("event")
    assert event["exception"]["values"][-1]["type"] == "LmlUnauthorised"
    assert event["tags"]["step"] == "predict"


@pytest.mark.promise("secrets")
def test_a_database_that_is_down_is_one_event_without_its_password(
    env: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    down = {**env, "DATABASE_URL": re.sub(r"@[^/]*/", "@127.0.0.1:1/", env["DATABASE_URL"])}
    ended = call("run", env=down)
    assert ended.returncode == 1
    [event] = receiver.items("event")
    assert event["exception"]["values"][-1]["type"] == "DatabaseError"

    # The checks of this job meet the same fault, in a run that our command did not launch.
    del down["LOG_FORMAT"]
    checks = execute("gate_report", down, tmp_path)
    assert checks.returncode == 1
    records = [line for line in checks.stderr.splitlines() if line.startswith("{")]
    lines = log_lines("\n".join(records))
    failed = [line for line in lines if line["message"].startswith("Execution of step")]
    assert failed
    assert all("DatabaseError" in line["exception"] for line in failed)
    [_, from_checks] = receiver.items("event")
    [run_id] = run_ids(lines)
    assert from_checks["tags"]["run_id"] == run_id
    assert {"library_identity", "station_report"} & set(from_checks["tags"]["asset"].split(","))
    assert from_checks["contexts"]["trace"]["trace_id"] == run_id.replace("-", "")
    assert secrets_in(receiver, ended.stderr, checks.stderr, checks.stdout) == []


def test_an_interrupted_run_sends_no_event(
    shelf: Shelf,
    env: dict[str, str],
    lml: FixtureLmlThread,
    receiver: Receiver,
) -> None:
    shelf.put_many(["Known 1"] * 40)
    lml.faults.add(Fault("delay", seconds=0.2))
    slowly = {**env, "BATCH_SIZE": "1", "LML_MAX_IN_FLIGHT": "1"}
    with subprocess.Popen(command("run"), env=slowly, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while lml.calls.number < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert receiver.items("event") == []
    [transaction] = receiver.items("transaction")
    assert transaction["contexts"]["trace"]["status"] == "cancelled"


def test_an_invalid_setting_is_one_line_and_sends_no_event(env: dict[str, str], receiver: Receiver) -> None:
    assert call("run", env={**env, "DATABASE_URL": ""}).returncode == 2
    ended = call("run", env={**env, "SENTRY_DSN": f"{receiver.dsn}x", "LOG_FORMAT": "plain"})
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert "SENTRY_DSN=(not shown" in line
    assert receiver.bodies == []
    assert secrets_in(receiver, line) == []
