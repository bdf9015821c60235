"""A run ends the same whatever Sentry does, and whatever fails while reporting to it."""

import json
import logging
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.lml.client import Call
from identity_assets.telemetry.run_trace import RunTrace
from identity_assets_tests.support import Shelf
from identity_assets_tests.telemetry.receiver import KEY, receiving
from identity_assets_tests.terminal.calling import call

pytestmark = pytest.mark.long


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


DIFFERENT = {"seconds", "lml_total_latency_ms", "run_ids"}


def timed_run(env: dict[str, str]) -> tuple[float, int, dict[str, Any]]:
    """Two failing Dagster runs in one command: seconds, exit code, and the report without what always differs."""
    began = time.monotonic()
    ended = call("run", "--partition", "01", "--partition", "03", "--json", env=env)
    seconds = time.monotonic() - began
    report = json.loads(ended.stdout)
    return seconds, ended.returncode, {k: v for k, v in report.items() if k not in DIFFERENT}


def test_a_sentry_that_is_down_hangs_or_refuses_costs_at_most_5_seconds_and_changes_no_result(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1"] * 64)
    lml.faults.add(Fault("status", status=401))
    before, *undisturbed = timed_run({**env, "SENTRY_DSN": ""})
    assert undisturbed[0] == 1
    took = {}
    with ExitStack() as servers:
        hanging, slow = (servers.enter_context(receiving(mode)) for mode in ("hang", "slow"))
        refusing = servers.enter_context(receiving("429"))
        down = f"http://{KEY}@127.0.0.1:{closed_port()}/7"
        for dsn in (down, hanging.dsn, slow.dsn, refusing.dsn):
            took[dsn], *ended = timed_run({**env, "SENTRY_DSN": dsn})
            assert ended == undisturbed, dsn
        assert len(hanging.bodies) == len(refusing.bodies) == 1
    after, *_ = timed_run({**env, "SENTRY_DSN": ""})
    assert {dsn for dsn, seconds in took.items() if seconds - max(before, after) > 5} == set()


def test_errors_while_collecting_are_logged_once_and_never_raised(caplog: pytest.LogCaptureFixture) -> None:
    trace = RunTrace("0f3c0f3c-0000-4000-8000-000000000000")
    no_moment = Call(batch_size=1, seconds=1e20, status=200)
    with caplog.at_level(logging.WARNING, "identity_assets"):
        trace.on_call(no_moment)
        trace.on_call(no_moment)
    trace.finish()
    [warning] = caplog.messages
    assert warning.startswith("Sentry is not told everything: on_call raised")
