"""Log lines: their content, in both forms and from every thread."""

import logging
import os
import pty
import subprocess

import dagster as dg
import pytest

from identity_assets.definitions import build_defs
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.partition_keys import range_tags
from identity_assets.resources import make_resources
from identity_assets.settings import LogFormat, Settings
from identity_assets.telemetry.logs import form_for, start_logs
from identity_assets.telemetry.start import start_telemetry
from identity_assets_tests.support import Shelf
from identity_assets_tests.telemetry.reading import log_lines, run_ids
from identity_assets_tests.terminal.calling import call, command

pytestmark = pytest.mark.long

PLACE = ("run_id", "asset", "partition", "step")


def test_every_line_of_a_run_is_an_object_with_its_run_and_step_also_from_a_worker_thread(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1"] * 20)
    lml.faults.add(Fault("status", status=503, times=1))
    ended = call("run", "--partition", "03", "--partition", "04", env=env)
    assert ended.returncode == 0
    lines = log_lines(ended.stderr)
    names = {"time", "level", "logger", "message", *PLACE}
    assert all(names == line.keys() for line in lines)
    [run_id] = run_ids(lines)
    [retried] = [line for line in lines if line["logger"] == "identity_assets.lml"]
    assert retried["level"] == "warning"
    assert "again in" in retried["message"]
    assert [retried[name] for name in PLACE] == [run_id, "lml_verdicts", "03..04", "lml_verdicts"]
    written = next(line for line in lines if "library rows settled" in line["message"])
    tables = "compilation_track_identity,library_identity,library_identity_source,library_unresolved"
    assert [written[name] for name in PLACE] == [run_id, tables, "03..04", "identity_tables"]


def test_on_a_terminal_a_run_writes_a_few_plain_lines(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1"] * 20)
    lml.faults.add(Fault("status", status=503, times=1))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("run"),
        env={**env, "LOG_FORMAT": "", "TERM": "xterm", "COLUMNS": "300"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    assert process.wait(30) == 0
    text = said.decode()
    assert "DAGSTER_HOME is not set" in text
    # A call that failed and was made again is in the JSON log, and no news to a person.
    assert lml.calls.number == 2
    assert "attempt 1" not in text
    assert '{"time"' not in text
    assert "settled" not in text


def test_the_line_of_a_failed_step_contains_its_exception(
    shelf: Shelf,
    station_settings: Settings,
    lml: FixtureLmlThread,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shelf.put("Known 1")
    lml.faults.add(Fault("status", status=401))
    start_telemetry(station_settings)
    job = build_defs(resources=make_resources(station_settings)).resolve_job_def("refresh_library_identity")
    job.execute_in_process(instance=instance, tags=range_tags(["00", "15"]), raise_on_error=False)
    lines = log_lines(capsys.readouterr().err)
    failed = next(line for line in lines if line["message"] == 'Execution of step "lml_verdicts" failed.')
    assert "identity_assets.lml.errors.LmlUnauthorised: LML answered 401" in failed["exception"]
    assert len(lines) > 10


def test_log_format_chooses_the_form_and_the_default_without_a_terminal_is_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert form_for(None) is LogFormat.json
    assert form_for(LogFormat.plain) is LogFormat.plain
    log = logging.getLogger("identity_assets.lml")
    try:
        for form in (LogFormat.plain, LogFormat.json):
            start_logs(form)
            try:
                raise ValueError("of this")
            except ValueError:
                log.warning("because %s", "x", exc_info=True)
    finally:
        start_logs(form_for(None))
    plain, *rest, json_line = capsys.readouterr().err.splitlines()
    assert plain[8:] == " WARNING  because x"
    assert rest[-1] == "ValueError: of this"
    [line] = log_lines(json_line)
    assert (line["message"], line["exception"].splitlines()[-1]) == ("because x", "ValueError: of this")
