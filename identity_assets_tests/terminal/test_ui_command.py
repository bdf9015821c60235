"""The command `ui` before it serves. The tests in browser/ see it serve and stop."""

import socket
from pathlib import Path

from identity_assets_tests.terminal.calling import call_here, one_line


def test_the_ui_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = call_here("ui", "--port", str(port), "--home", str(tmp_path))
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 is not available" in one_line(ended)
    assert list(tmp_path.iterdir()) == []
