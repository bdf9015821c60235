"""The command `ui` before it serves. The tests in browser/ see it serve and stop."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from identity_assets_tests.deploy.processes import free_port
from identity_assets_tests.terminal.calling import call_here, clean_env, command, one_line

PROJECT = Path(__file__).parents[2]


def test_the_ui_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = call_here("ui", "--port", str(port), "--home", str(tmp_path))
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 is not available" in one_line(ended)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_ui_that_ends_by_itself_has_failed() -> None:
    # Outside pytest's own directory, which is closed to the user of the PostgreSQL server.
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        # Dagster's webserver imports a module of this name, and finds this one first.
        (Path(folder) / "gql.py").write_text("raise SystemExit(3)", encoding="utf-8")
        ended = subprocess.run(
            command("ui", "--home", f"{folder}/home", "--rows", "20", "--port", str(free_port())),
            env=clean_env(PYTHONPATH=str(PROJECT)),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("identity-assets: the UI has ended by itself")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("arguments", "port"), [((), "3000"), (("PORT=4321",), "4321")])
def test_make_ui_serves_on_the_port_that_is_asked_for(arguments: tuple[str, ...], port: str) -> None:
    shown = subprocess.run(
        ["make", "-n", "-C", str(PROJECT), "ui", *arguments], capture_output=True, text=True, check=True
    )
    assert f"identity-assets ui --port {port}" in shown.stdout
