"""The servers of deploy/compose.yaml as processes on 127.0.0.1, with the commands and variables of the file.

Only what compose maps is changed: hosts, ports, and the directory /opt/dagster.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from identity_assets_tests.deploy.compose import services
from identity_assets_tests.deploy.dockerfile import PROJECT
from identity_assets_tests.terminal.calling import clean_env, command

SERVERS = ("code-server", "webserver", "daemon")
WAIT_SECONDS = 150


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Deployment:
    """The servers that run, by the name of their service."""

    home: Path
    variables: Mapping[str, str]
    ports: Mapping[str, int]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a server with the command of its service."""
        service = services()[name]
        env = {
            **service.environment({**self.variables, "DAGSTER_POSTGRES_PASSWORD": "none"}),
            **self.variables,
        }
        env["DAGSTER_HOME"] = str(self.home)
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command(*map(self._local, service.command)),
                cwd=self.home,
                env=clean_env(PYTHONWARNINGS="ignore", **env),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str, seconds: float = 60) -> int:
        """Stop a server as compose does, by SIGTERM; its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def upgrade(self) -> None:
        """Start the daemon and the code server again, in the order of docs/runbook.md.

        A code server that is being stopped lets its runs end and refuses new ones, so nothing may launch one then.
        """
        self.stop("daemon")
        self.stop("code-server")
        self.start("code-server")
        self.start("daemon")

    def ask(self, query: str, **variables: object) -> Any:
        """The data that a GraphQL query of the webserver gives."""
        url = f"http://127.0.0.1:{self.ports['webserver']}/graphql"
        deadline = time.monotonic() + 60
        while True:
            answer = httpx.post(url, json={"query": query, "variables": variables}, timeout=30)
            # The webserver answers 500 while the code server is being started again.
            if answer.status_code != 500 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert "errors" not in answer.json(), answer.json()["errors"]
        answer.raise_for_status()
        return answer.json()["data"]

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait for a condition while all servers run. The webserver may answer 500 until it is up."""
        deadline = time.monotonic() + seconds
        while True:
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log_of(name)}"
            with suppress(httpx.HTTPError):
                if holds():
                    return
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{self.log_of('daemon')}"
            time.sleep(0.3)

    def log_of(self, name: str) -> str:
        """The end of what a server has written."""
        return (self.home / f"{name}.log").read_text(encoding="utf-8")[-6000:]

    def _local(self, argument: str) -> str:
        changed = argument.replace("/opt/dagster", str(self.home)).replace("0.0.0.0", "127.0.0.1")
        for name, port in (("code-server", "4000"), ("webserver", "3000")):
            changed = (
                str(self.ports[name])
                if changed == port
                else changed.replace(f"={port}", f"={self.ports[name]}")
            )
        return changed


@contextmanager
def deployment(home: Path, variables: Mapping[str, str]) -> Iterator[Deployment]:
    """Start the code server, the webserver and the daemon. All that they started ends with the block."""
    ports = {"code-server": free_port(), "webserver": free_port()}
    workspace = (PROJECT / "deploy" / "workspace.yaml").read_text(encoding="utf-8")
    local = workspace.replace("host: code-server", "host: 127.0.0.1").replace(
        "4000", str(ports["code-server"])
    )
    (home / "workspace.yaml").write_text(local, encoding="utf-8")
    made = Deployment(home, variables, ports)
    try:
        for name in SERVERS:
            made.start(name)
        yield made
    finally:
        _end(made)


def _end(made: Deployment) -> None:
    sessions = {os.getsid(process.pid) for process in made.processes.values() if process.poll() is None}
    for process in made.processes.values():
        process.terminate()
    for process in made.processes.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
    for one in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(one.pid) in sessions:
                one.kill()
    for process in made.processes.values():
        process.wait(10)
