"""A pass that is killed with SIGKILL, the process and all, is finished by the next run."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping

import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, command


def kill_run_when(happened: Callable[[], bool], env: Mapping[str, str]) -> None:
    """Start a run of the full scope in a process of its own, and kill it as soon as something has happened."""
    process = subprocess.Popen(
        command("run", "--scope", "full"), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)


@pytest.mark.long
@pytest.mark.promise("killed")
def test_killed_while_asking_the_next_run_ends_the_same_and_asks_again_at_most_what_was_in_flight(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    names = [f"Known {n}" if n % 2 else f"Stranger {n}" for n in range(400)]
    shelf.put_many(names)
    assert call_here("run", "--scope", "full", env=env).returncode == 0
    undisturbed = shelf.tables()
    for table in ("library_identity_source", "library_identity", "library_unresolved", "lml_verdict"):
        shelf.run(f"DELETE FROM {table}")
    lml.calls.reset()

    lml.faults.add(Fault("delay", seconds=0.15))
    settings = {**env, "BATCH_SIZE": "10", "LML_MAX_IN_FLIGHT": "2", "WRITER_CHUNK_ROWS": "5"}
    kill_run_when(lambda: len(shelf.rows("SELECT 1 FROM lml_verdict")) >= 100, settings)
    lml.faults.clear()
    assert 100 <= len(shelf.rows("SELECT 1 FROM lml_verdict")) < 400

    # The requests that were in flight end, and PostgreSQL notices that its client is gone.
    time.sleep(0.5)
    assert call_here("run", "--scope", "full", env=settings).returncode == 0
    assert shelf.tables() == undisturbed
    # Two batches were in flight, and two were answered but not stored yet.
    assert sum(times - 1 for times in lml.calls.by_library_id.values()) <= 40


@pytest.mark.promise("atomic")
@pytest.mark.promise("killed")
def test_killed_while_writing_nothing_is_half_written_and_nothing_is_asked_again(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    shelf.put_many([f"Known {n % 200}" for n in range(400)])
    settings = {**env, "WRITER_CHUNK_ROWS": "1"}
    kill_run_when(lambda: bool(shelf.rows("SELECT 1 FROM library_identity LIMIT 1")), settings)
    written = shelf.rows("SELECT library_id FROM library_identity")
    assert 0 < len(written) < 400
    without_sources = (
        "SELECT 1 FROM library_identity m WHERE NOT EXISTS (SELECT FROM library_identity_source s "
        "WHERE s.library_id = m.library_id)"
    )
    assert shelf.rows(without_sources) == []

    calls = lml.calls.number
    assert call_here("run", "--scope", "full", env=env).returncode == 0
    assert lml.calls.number == calls
    assert len(shelf.rows("SELECT 1 FROM library_identity")) == 400
