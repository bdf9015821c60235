"""The embedded PostgreSQL keeps its word: it starts, it is found again, and nothing of it is left running."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from sqlalchemy import create_engine, make_url, text

from identity_assets.demo.postgres import EmbeddedPostgres, EmbeddedPostgresError

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from identity_assets.demo.postgres import EmbeddedPostgres
home = Path(sys.argv[1]) if len(sys.argv) > 1 else None
with EmbeddedPostgres(home) as postgres:
    postgres.create_database("kept")
    print(postgres.home, flush=True)
    time.sleep(600)
"""


def servers_on(home: Path) -> list[int]:
    """The live postmasters of the data under `home`."""
    found = []
    for process in psutil.process_iter(("pid", "cmdline", "status")):
        command = process.info["cmdline"] or []
        if any(str(home) in word for word in command) and "postgres" in command[0]:
            found.append(process.info["pid"])
    return found


def query(postgres: EmbeddedPostgres, sql: str, database: str = "postgres") -> Any:
    engine = create_engine(postgres.url(database))
    try:
        with engine.connect() as connection:
            return connection.execute(text(sql)).scalar()
    finally:
        engine.dispose()


def command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", script, *arguments]


def hold_in_another_process(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], Path]:
    """Another process that has a server up; with the server's home."""
    process = subprocess.Popen(
        command(HOLD, *arguments),
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        pytest.fail(f"the other process ended: {process.communicate()[1]}")
    return process, Path(line)


def end(process: subprocess.Popen[str], how: signal.Signals) -> str:
    """End it; what it wrote to stderr."""
    process.send_signal(how)
    return process.communicate(timeout=60)[1]


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_its_url_serves_sqlalchemy_over_the_unix_socket(postgres: EmbeddedPostgres) -> None:
    url = make_url(postgres.url("postgres"))
    assert url.drivername == "postgresql+psycopg2"
    assert str(url.query["host"]).startswith(str(postgres.home))
    assert query(postgres, "SELECT current_setting('listen_addresses')") == ""


def test_a_database_is_made_once_and_kept(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("once")
    with closing(psycopg2.connect(postgres.url("once").replace("+psycopg2", ""))) as connection:
        connection.cursor().execute("CREATE TABLE kept ()")
        connection.commit()
    postgres.create_database("once")
    assert query(postgres, "SELECT count(*) FROM kept", "once") == 0


def test_a_fresh_database_is_empty_whoever_was_in_it(postgres: EmbeddedPostgres) -> None:
    name = 'an "odd" name/with ü & %'
    postgres.create_database(name)
    with closing(
        psycopg2.connect(host=str(postgres.home / "pgdata"), user="postgres", dbname=name)
    ) as connection:
        connection.cursor().execute("CREATE TABLE old ()")
        connection.commit()
        postgres.create_database(name, fresh=True)
    assert query(
        postgres, "SELECT to_regclass('old') IS NULL AND current_database() = $$" + name + "$$", name
    )


def test_databases_know_the_letters_of_every_script(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("letters")
    assert query(postgres, "SELECT lower('ÄŁΣЖ')", "letters") == "äłσж"
    assert query(postgres, "SHOW server_encoding", "letters") == "UTF8"


def test_nothing_runs_and_nothing_is_left_after_the_block() -> None:
    with EmbeddedPostgres() as server:
        home = server.home
        assert len(servers_on(home)) == 1
    assert servers_on(home) == []
    assert not home.exists()
    with pytest.raises(EmbeddedPostgresError, match="not started"):
        server.url()


def test_nothing_runs_after_an_error_and_what_was_stored_is_kept(home: Path) -> None:
    def fail_inside() -> None:
        with EmbeddedPostgres(home) as server:
            server.create_database("kept")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert servers_on(home) == []
    with EmbeddedPostgres(home) as server:
        assert query(server, "SELECT current_database()", "kept") == "kept"
    assert servers_on(home) == []


def test_it_is_silent_and_gone_also_when_nobody_stops_it(home: Path) -> None:
    script = HOLD.replace(
        "with EmbeddedPostgres(home) as postgres:", "postgres = EmbeddedPostgres(home)\nif True:"
    )
    script = script.replace("    postgres.create", "    postgres.start()\n    postgres.create")
    script = script.replace("time.sleep(600)", "pass").replace("print(postgres.home, flush=True)", "pass")
    done = subprocess.run(
        command(script, str(home)), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert servers_on(home) == []


def test_a_forked_child_does_not_take_the_server_away(home: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from identity_assets.demo.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as postgres:
    child = os.fork()
    if child == 0:
        sys.exit()
    os.waitpid(child, 0)
    postgres.create_database("after")
"""
    done = subprocess.run(
        command(script, str(home)), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert servers_on(home) == []


def test_ctrl_c_stops_it(home: Path) -> None:
    process, _ = hold_in_another_process(str(home))
    assert "KeyboardInterrupt" in end(process, signal.SIGINT)
    assert servers_on(home) == []


def test_the_server_of_a_killed_process_is_taken_over(home: Path) -> None:
    process, _ = hold_in_another_process(str(home))
    end(process, signal.SIGKILL)
    (orphan,) = servers_on(home)
    with EmbeddedPostgres(home) as server:
        assert servers_on(home) == [orphan]
        assert query(server, "SELECT current_database()", "kept") == "kept"
    assert servers_on(home) == []


def test_a_stale_pid_file_is_no_hindrance_and_its_pids_new_owner_is_left_alone(home: Path) -> None:
    process, _ = hold_in_another_process(str(home))
    end(process, signal.SIGKILL)
    (orphan,) = servers_on(home)
    os.kill(orphan, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(str(home) in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(("cmdline",))):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            pid_file = home / "pgdata" / name
            pid_file.write_text(pid_file.read_text().replace(str(orphan), str(bystander.pid), 1))
        with EmbeddedPostgres(home) as server:
            assert query(server, "SELECT current_database()", "kept") == "kept"
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert servers_on(home) == []


def test_a_home_that_was_never_finished_is_made_again(home: Path) -> None:
    (home / "pgdata").mkdir(parents=True)
    (home / "unfinished").touch()
    (home / "pgdata" / "PG_VERSION").write_text("16\n")
    with EmbeddedPostgres(home) as server:
        assert query(server, "SELECT 1") == 1
    assert not (home / "unfinished").exists()


def start_making(home: Path) -> subprocess.Popen[str]:
    """Another process that is just making the home."""
    process = subprocess.Popen(command(HOLD, str(home)), cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    while not (home / "pgdata" / "base").exists():
        assert process.poll() is None
        time.sleep(0.001)
    return process


def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing_running(home: Path) -> None:
    assert "KeyboardInterrupt" in end(start_making(home), signal.SIGINT)
    assert servers_on(home) == []


def test_a_process_killed_while_it_made_the_home_is_no_hindrance(home: Path) -> None:
    end(start_making(home), signal.SIGKILL)
    assert (home / "unfinished").exists()
    with EmbeddedPostgres(home) as server:
        assert query(server, "SELECT 1") == 1
    assert servers_on(home) == []


def test_what_a_killed_process_left_in_the_temporary_directory_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, abandoned = hold_in_another_process(TMPDIR=str(tmp_path))
    end(process, signal.SIGKILL)
    assert len(servers_on(abandoned)) == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with EmbeddedPostgres() as server:
        assert server.home.parent == tmp_path
        assert servers_on(abandoned) == []
        assert not abandoned.exists()


def test_a_home_in_use_is_refused_by_the_number_of_its_process(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        with pytest.raises(EmbeddedPostgresError, match=f"in use by process {os.getpid()}"):
            EmbeddedPostgres(home).start()
        assert query(server, "SELECT 1") == 1
    assert servers_on(home) == []


def test_a_path_too_long_for_a_socket_works_too(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / ("long" * 30)) as server:
        socket_dir = Path(str(make_url(server.url()).query["host"]))
        assert socket_dir != server.home / "pgdata"
        assert query(server, "SELECT current_setting('unix_socket_permissions')") == "0700"
    assert not socket_dir.exists()


def test_a_deleted_home_does_not_keep_the_server_alive(home: Path) -> None:
    with EmbeddedPostgres(home):
        servers = servers_on(home)
        shutil.rmtree(home, ignore_errors=True)
    assert len(servers) == 1
    assert servers_on(home) == []


def one_line(error: pytest.ExceptionInfo[EmbeddedPostgresError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_file_is_no_home(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(EmbeddedPostgresError) as error:
        EmbeddedPostgres(home).start()
    assert one_line(error) == f"{home} is a file: give a directory for PostgreSQL's data"


def test_a_home_that_cannot_be_made_is_named(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(EmbeddedPostgresError) as error:
        EmbeddedPostgres(home / "below").start()
    assert str(home / "below") in one_line(error)
    assert "can be written to" in str(error.value)


def test_a_home_of_another_version_is_named_with_both(home: Path) -> None:
    (home / "pgdata").mkdir(parents=True)
    (home / "pgdata" / "PG_VERSION").write_text("13\n")
    with pytest.raises(EmbeddedPostgresError) as error:
        EmbeddedPostgres(home).start()
    assert "was made by PostgreSQL 13, and this is 16" in one_line(error)


def test_a_version_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(EmbeddedPostgresError, match="take one of 16, 18"):
        EmbeddedPostgres(postgres_version=14)


def test_a_server_that_cannot_start_says_why_in_one_line_and_leaves_nothing_running(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedPostgres(home):
        pass
    with (home / "pgdata" / "postgresql.conf").open("a") as configuration:
        configuration.write("max_connections = plenty\n")
    with pytest.raises(EmbeddedPostgresError) as error:
        EmbeddedPostgres(home).start()
    assert "does not start" in one_line(error)
    assert "configuration file" in str(error.value)
    assert servers_on(home) == []
    assert capfd.readouterr() == ("", "")
