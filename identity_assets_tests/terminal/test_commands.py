"""The commands as an operator runs them: in processes of their own, with good input and with bad."""

import json
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call, clean_env, command, one_line

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "freemusi-cc" / "releases.csv"


def test_run_prints_one_json_object_and_nothing_else_on_stdout(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1", "Stranger", "Various Artists", None])
    ended = call("run", "--scope", "full", "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert list(report) == [
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
    ]
    assert (report["scope"], report["scanned"], report["resolved"], report["unresolved"]) == ("full", 4, 1, 1)
    assert report["skipped"] == {"compilation": 1, "missing_artist_name": 1}
    assert report["lml_total_calls"] == lml.calls.number == 1
    assert report["source_rows_written"] == len(shelf.rows("SELECT 1 FROM library_identity_source"))
    assert "DAGSTER_HOME is not set" in ended.stderr


def test_run_with_s3_on_and_no_discogs_cache_named_is_one_line(env: dict[str, str]) -> None:
    ended = call("run", env={**env, "IDENTITY_LEGS": "S3"})
    assert ended.returncode == 2
    assert "DATABASE_URL_DISCOGS is not set" in one_line(ended)


def test_run_takes_partitions_and_include_null_canonical_sets_the_scope(
    shelf: Shelf, env: dict[str, str]
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(40)], canonical=None)
    partitions = ("run", "--partition", "03", "--partition", "05")
    nothing = json.loads(call(*partitions, "--json", env=env).stdout)
    assert (nothing["scope"], nothing["scanned"]) == ("canonical", 0)
    full = call(*partitions, env={**env, "INCLUDE_NULL_CANONICAL": "true"})
    due = sum(library_id % 16 in {3, 5} for library_id in ids)
    assert full.stdout.startswith(
        f"run: {due} scanned = {due} resolved + 0 resolved_compilation + 0 unresolved"
    )


def test_run_in_the_home_of_a_dagster_instance_is_recorded_there(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    shelf.put("Known 1")
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    ended = call("run", env={**env, "DAGSTER_HOME": str(tmp_path)})
    assert ended.returncode == 0
    assert "DAGSTER_HOME is not set" not in ended.stderr
    assert (tmp_path / "history" / "runs.db").exists()


def test_a_run_that_fails_ends_with_1_and_says_why_and_still_prints_its_object(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many([f"Known {n}" for n in range(30)])
    lml.faults.add(Fault("status", status=401))
    ended = call("run", "--json", env=env)
    assert ended.returncode == 1
    report = json.loads(ended.stdout)
    assert report["scanned"] == 30 == sum(report["skipped"].values())
    assert "LML_API_KEY" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "says"),
    [
        (["run"], {"DATABASE_URL": ""}, 2, "DATABASE_URL is not set"),
        (["run"], {"DAGSTER_HOME": "/not/there"}, 2, "DAGSTER_HOME"),
        (["run"], {"LIBRARY_METADATA_URL": ""}, 2, "LIBRARY_METADATA_URL is not set"),
        (
            ["run"],
            {"BATCH_SIZE": "5000"},
            2,
            "BATCH_SIZE='5000' is not valid: it takes a whole number from 1 to 1000",
        ),
        (["run", "--partition", "16"], {}, 2, "there is no partition 16: they are 00 to 15"),
        (["run", "--scope", "all"], {}, 2, "'all' is not one of 'canonical', 'full'"),
        (
            ["run"],
            {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d"},
            1,
            "PostgreSQL cannot be reached",
        ),
        (
            ["migrate"],
            {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d"},
            1,
            "PostgreSQL cannot be reached",
        ),
        (["migrate"], {"DATABASE_URL": ""}, 2, "DATABASE_URL is not set"),
        (["fly"], {}, 2, "No such command 'fly'"),
        (["demo", "--rows", "0"], {}, 2, "0 is not in the range 1<=x<=2000000"),
        (["demo", "--catalog", "nowhere.csv"], {}, 2, "nowhere.csv"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_right_exit_code(
    env: dict[str, str], arguments: list[str], changes: dict[str, str], code: int, says: str
) -> None:
    ended = call(*arguments, env={**env, "DAGSTER_HOME": "", **changes})
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("DAGSTER_HOME is not set")]
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    assert len(lines) == 1
    assert says in lines[0]
    assert "hunter2" not in ended.stderr


def test_migrate_says_what_it_did_and_that_there_was_nothing_to_do(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    assert "migrated from revision" in one_line(call("migrate", "--down", env=env))
    (tmp_path / "dagster.yaml").touch()
    said = one_line(call("run", env={**env, "DAGSTER_HOME": str(tmp_path)}))
    assert "is at revision none" in said
    assert "run `identity-assets migrate`" in said
    assert "migrated from revision none to" in one_line(call("migrate", env=env))
    assert "nothing to do" in one_line(call("migrate", env=env))
    assert shelf.rows("SELECT 1 FROM library_unresolved") == []


def test_killed_in_the_middle_a_run_is_repeated_to_the_same_end_and_asks_again_at_most_what_was_in_flight(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    names = [f"Known {n}" if n % 2 else f"Stranger {n}" for n in range(400)]
    shelf.put_many(names)
    assert call("run", "--scope", "full", env=env).returncode == 0
    undisturbed = shelf.tables()
    for table in ("library_identity_source", "library_identity", "library_unresolved", "lml_verdict"):
        shelf.run(f"DELETE FROM {table}")
    lml.calls.reset()

    lml.faults.add(Fault("delay", seconds=0.15))
    settings = {**env, "BATCH_SIZE": "10", "LML_MAX_IN_FLIGHT": "2", "WRITER_CHUNK_ROWS": "5"}
    process = subprocess.Popen(
        command("run", "--scope", "full"), env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while len(shelf.rows("SELECT 1 FROM lml_verdict")) < 100 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    lml.faults.clear()
    assert 100 <= len(shelf.rows("SELECT 1 FROM lml_verdict")) < 400

    time.sleep(0.5)
    assert call("run", "--scope", "full", env=settings).returncode == 0
    assert shelf.tables() == undisturbed
    # Two batches in flight, and two that had come and were about to be stored.
    assert sum(times - 1 for times in lml.calls.by_library_id.values()) <= 40


def test_killed_while_writing_nothing_is_half_written_and_nothing_is_asked_again(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many([f"Known {n % 200}" for n in range(400)])
    settings = {**env, "WRITER_CHUNK_ROWS": "1"}
    process = subprocess.Popen(
        command("run", "--scope", "full"), env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not shelf.rows("SELECT 1 FROM library_identity LIMIT 1") and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    written = shelf.rows("SELECT library_id FROM library_identity")
    assert 0 < len(written) < 400
    without = (
        "SELECT 1 FROM library_identity m WHERE NOT EXISTS (SELECT FROM library_identity_source s "
        "WHERE s.library_id = m.library_id)"
    )
    assert shelf.rows(without) == []

    calls = lml.calls.number
    assert call("run", "--scope", "full", env=settings).returncode == 0
    assert lml.calls.number == calls
    assert len(shelf.rows("SELECT 1 FROM library_identity")) == 400


@pytest.fixture
def home() -> Iterator[Path]:
    """Where a demo's databases live: outside pytest's own folder, which a second pytest closes to other users."""
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        yield Path(folder) / "home"


def test_the_demo_prints_one_object_with_three_runs_of_which_the_last_asks_nothing_and_starts_afresh_each_time(
    home: Path,
) -> None:
    first = call("demo", "--rows", "400", "--home", str(home), "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert list(report) == ["library_rows", "runs", "seconds"]
    canonical, full, again = report["runs"]
    assert report["library_rows"] == 400 == canonical["scanned"] + full["scanned"]
    assert canonical["skipped"] == {}
    assert full["skipped"] == {"compilation": 39}
    assert again["scanned"] == again["lml_total_calls"] == 0

    second = call("demo", "--rows", "400", "--home", str(home), env=clean_env(LIBRARY_PARTITIONS="2"))
    assert second.returncode == 0, second.stderr
    assert f"canonical: {canonical['scanned']} scanned = {canonical['resolved']} resolved" in second.stdout
    assert re.search(r"library rows +│ +400 ", second.stdout)
    assert "of these, truly unresolved" in second.stdout
    [line] = [line for line in second.stdout.splitlines() if line.startswith("truly_unresolved_rows: ")]
    figures = re.fullmatch(r".*LML alone (\d+), with S1 (\d+), with S1 and S3 (\d+)", line)
    assert figures is not None
    alone, with_s1, with_s3 = map(int, figures.groups())
    assert alone > with_s1 > with_s3
    assert line in first.stderr.splitlines()


def test_the_demo_runs_on_the_real_catalogue(home: Path) -> None:
    if not PUBLISHED.exists():
        pytest.skip("the real catalogue ../shared/data/freemusi-cc is not here")
    columns = ("--artist-column", "artist", "--title-column", "album")
    few = clean_env(LIBRARY_PARTITIONS="2")
    ended = call("demo", "--catalog", str(PUBLISHED), *columns, "--home", str(home), "--json", env=few)
    report = json.loads(ended.stdout)
    canonical, full, again = report["runs"]
    assert (report["library_rows"], canonical["scanned"], full["scanned"]) == (2289, 0, 2289)
    assert full["skipped"] == {"compilation": 386}
    assert full["resolved"] + full["unresolved"] + 386 == 2289
    assert again["lml_total_calls"] == 0


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_everything_that_it_started(home: Path, interrupt: signal.Signals) -> None:
    process = subprocess.Popen(
        command("demo", "--rows", "20000", "--home", str(home)),
        env=clean_env(BATCH_SIZE="20"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "library rows loaded" in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    time.sleep(1.5)
    process.send_signal(interrupt)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "again:" not in out
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    server = home / "postgres" / "pgdata" / "postmaster.pid"
    assert not server.exists()


def test_the_ui_refuses_a_port_that_is_taken(lml: FixtureLmlThread, home: Path) -> None:
    port = lml.url.rsplit(":", 1)[1]
    ended = call("ui", "--port", port, "--home", str(home))
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be had" in one_line(ended)
