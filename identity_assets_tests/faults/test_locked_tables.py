"""A table that somebody has locked: each command ends in one line that names lock_timeout, and not after minutes."""

import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from identity_assets.backend.database import Database
from identity_assets.demo.station import libpq_dsn
from identity_assets.settings import Settings
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, clean_env, command

SECONDS = 150
"""A session waits a minute for a lock; a run may meet the locked table in two steps. The rest is the machine's."""
COMMANDS = (
    *(("status",), ("explain", "1"), ("gate",), ("run", "--scope", "full"), ("replay",), ("dry-run",)),
    *(("unwind", "--library-id", "1", "--yes"), ("rows",), ("changes", "--run", "RUN")),
)
# `migrate` and a run refuse each other, whichever of them begins first.
ALONE = (("migrate",),)


@pytest.fixture
def env(station_settings: Settings) -> dict[str, str]:
    return clean_env(
        DATABASE_URL=station_settings.require_database_url().render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=station_settings.require_library_metadata_url(),
    )


def all_at_once(
    commands: tuple[tuple[str, ...], ...], env: dict[str, str], folder: Path
) -> dict[str, list[str]]:
    """Run these commands side by side; the lines of each with what the operator must read."""
    with ExitStack() as files:
        started = {}
        for arguments in commands:
            file = folder / arguments[0]
            started[arguments[0]] = (
                subprocess.Popen(
                    command(*arguments),
                    env=env,
                    stdout=subprocess.DEVNULL,
                    stderr=files.enter_context(file.open("w", encoding="utf-8")),
                ),
                file,
            )
        try:
            for process, _ in started.values():
                process.wait(SECONDS)
        finally:
            for process, _ in started.values():
                process.kill()
                process.wait()
    said = {}
    for name, (process, file) in started.items():
        assert process.returncode in {1, 2}, name
        output = file.read_text(encoding="utf-8")
        for never in ("Traceback", "[SQL", "sqlalchemy", "psycopg2"):
            assert never not in output, (name, output)
        said[name] = [line for line in output.splitlines() if line.startswith("identity-assets: ")]
    return said


@pytest.mark.faults
def test_a_locked_table_of_backend_is_one_line_of_every_command(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    shelf.put("Known 1")
    assert call_here("run", "--scope", "full", env=env).returncode == 0
    [run] = shelf.rows("SELECT DISTINCT run_id FROM journal_chunk")
    shelf.age(30)
    commands = tuple(tuple(one.replace("RUN", run["run_id"]) for one in arguments) for arguments in COMMANDS)
    said = {}
    with Database(shelf.settings, "other") as other, other.transaction() as holding:
        for table in ("library", "library_identity"):
            holding.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        for side_by_side in (commands, ALONE):
            said.update(all_at_once(side_by_side, env, tmp_path))
    assert len(said) == len(COMMANDS) + len(ALONE)
    for name, lines in said.items():
        assert len(lines) == 1, (name, lines)
        assert "lock_timeout" in lines[0], (name, lines)


@pytest.mark.faults
def test_a_locked_table_of_the_discogs_cache_is_one_line(
    shelf: Shelf, env: dict[str, str], cache: Cache, tmp_path: Path
) -> None:
    shelf.put("Known 1")
    url = cache.settings.require_database_url_discogs()
    address = url.render_as_string(hide_password=False)
    env = {**env, "IDENTITY_LEGS": "S3", "DATABASE_URL_DISCOGS": address}
    with closing(psycopg2.connect(libpq_dsn(url))) as holding, holding.cursor() as cursor:
        cursor.execute("LOCK TABLE wxyc.flowsheet_match IN ACCESS EXCLUSIVE MODE")
        commands = (("run", "--scope", "full"), ("dry-run", "--leg", "S3"))
        for name, lines in all_at_once(commands, env, tmp_path).items():
            assert len(lines) == 1, (name, lines)
            assert "another session holds a table for longer than DISCOGS_LOCK_TIMEOUT_SECONDS" in lines[0], (
                name,
                lines,
            )
