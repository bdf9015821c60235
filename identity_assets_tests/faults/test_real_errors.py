"""A real deadlock, a real serialisation failure and a real full disk, made by other sessions and by a small disk."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from identity_assets.backend.database import Database, DatabaseError
from identity_assets.backend.writing import chunks
from identity_assets.postgres import is_worth_retrying, sqlstate
from identity_assets.settings import Settings
from identity_assets_tests.faults.backend_service import BackendService
from identity_assets_tests.faults.test_people import write_twice
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, clean_env


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SQLSTATEs that the writer meets. It waits until PostgreSQL sees a deadlock, and is the one that ends."""
    met: list[str] = []

    def note(error: DBAPIError) -> bool:
        met.append(sqlstate(error))
        return is_worth_retrying(error)

    monkeypatch.setattr(chunks, "is_worth_retrying", note)
    monkeypatch.setattr(
        chunks, "GIVE_WAY", text("SET LOCAL lock_timeout = '60s'; SET LOCAL deadlock_timeout = '3s'")
    )
    return met


def await_waiting(shelf: Shelf) -> None:
    """Until a session waits for a lock."""
    until = time.monotonic() + 20
    while not shelf.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < until


def test_a_deadlock_of_a_chunk_with_backend_is_resolved(shelf: Shelf, states: list[str]) -> None:
    ids = shelf.put_many([f"Artist {n}" for n in range(20)])
    write_twice(shelf, ids, until_written=False)
    with (
        closing(BackendService(shelf.settings, lock_timeout="60s", deadlock_timeout="60s")) as service,
        ThreadPoolExecutor(1) as executor,
        service.deleting(ids[7]) as go_on,
    ):
        writing = executor.submit(shelf.write, run_id="second")
        await_waiting(shelf)
        go_on()
        writing.result()
    assert "40P01" in states
    assert shelf.outcomes() == {**dict.fromkeys(ids, "resolved"), ids[7]: "library_row_gone"}


def test_a_serialisation_failure_of_a_chunk_is_resolved(shelf: Shelf, states: list[str]) -> None:
    ids = shelf.put_many([f"Artist {n}" for n in range(20)])
    write_twice(shelf, ids, until_written=False)
    name = shelf.settings.require_database_url().database
    shelf.run(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    with (
        Database(shelf.settings, "writer") as database,
        Database(shelf.settings, "person") as person,
        ThreadPoolExecutor(1) as executor,
    ):
        with person.transaction() as deciding:
            deciding.execute(
                text("UPDATE library_identity SET method = 'manual', confidence = 1 WHERE library_id = :id"),
                {"id": ids[7]},
            )
            writing = executor.submit(Shelf(shelf.settings, database).write, run_id="second")
            await_waiting(shelf)
        writing.result()
    assert "40001" in states
    assert shelf.outcomes() == {**dict.fromkeys(ids, "resolved"), ids[7]: "manual_override"}


@pytest.fixture
def small_disk(shelf: Shelf) -> Iterator[None]:
    """The journal is on a disk of 8 MiB."""
    server = Path(str(shelf.settings.require_database_url().query["host"]))
    folder = Path(tempfile.mkdtemp(prefix="identity-assets-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("only root can mount a disk of its own")
    try:
        shutil.chown(folder, server.owner())
        with shelf.database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE TABLESPACE small LOCATION '{folder}'"))
            connection.execute(text("ALTER TABLE journal_chunk SET TABLESPACE small"))
            yield
            connection.execute(text("ALTER TABLE journal_chunk SET TABLESPACE pg_default"))
            connection.execute(text("DROP TABLE IF EXISTS ballast"))
            connection.execute(text("DROP TABLESPACE small"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def fill(shelf: Shelf) -> None:
    while True:
        shelf.run("INSERT INTO ballast SELECT repeat('x', 7000) FROM generate_series(1, 20)")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk of its own")
@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_one_line_and_the_next_run_completes(shelf: Shelf, station_settings: Settings) -> None:
    shelf.put_many([f"Known {n}" for n in range(30)])
    env = clean_env(
        DATABASE_URL=station_settings.require_database_url().render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=station_settings.require_library_metadata_url(),
    )
    shelf.run("CREATE TABLE ballast (filler text) TABLESPACE small")
    shelf.run("ALTER TABLE ballast ALTER COLUMN filler SET STORAGE PLAIN")
    with pytest.raises(DatabaseError, match="53100"):
        fill(shelf)
    ended = call_here("run", "--scope", "full", env=env)
    assert ended.returncode == 1
    [line] = [one for one in ended.stderr.splitlines() if one.startswith("identity-assets: ")]
    assert "(SQLSTATE 53100)" in line
    assert "out of disk" in line
    assert "Traceback" not in ended.stderr
    assert shelf.tables()["main"] == []
    shelf.run("DROP TABLE ballast")
    assert call_here("run", "--scope", "full", env=env).returncode == 0
    assert len(shelf.tables()["main"]) == 30
