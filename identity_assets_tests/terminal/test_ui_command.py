"""The command `ui` before it serves. The tests in browser/ see it serve and stop."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from identity_assets_tests.terminal.calling import call_here, one_line


def test_the_ui_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = call_here("ui", "--port", str(port), "--home", str(tmp_path))
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 is not available" in one_line(ended)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("arguments", "port"), [((), "3000"), (("PORT=4321",), "4321")])
def test_make_ui_serves_on_the_port_that_is_asked_for(arguments: tuple[str, ...], port: str) -> None:
    project = Path(__file__).parents[2]
    shown = subprocess.run(
        ["make", "-n", "-C", str(project), "ui", *arguments], capture_output=True, text=True, check=True
    )
    assert f"identity-assets ui --port {port}" in shown.stdout
