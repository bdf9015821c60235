"""The command `ui`: the Dagster UI over the demo station, in a process that the command starts and stops."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from identity_assets.settings import settings
from identity_assets.terminal.demo_commands import home_option, require_demo_extra, rows_option, seeded
from identity_assets.terminal.output import FAILED, say, stop
from identity_assets.wording import number_of

if TYPE_CHECKING:
    from identity_assets.demo.station import Station

CODE_LOCATION_MODULE = "identity_assets.code_location"
# Dagster warns that these are in beta or superseded. We know it, and an operator cannot do anything about it.
KNOWN_WARNINGS = (
    "Parameter `backfill_policy`",
    "Function `with_source_code_references`",
    "Class `LocalFileCodeReference`",
    "Class `UrlCodeReference`",
    "Class `CodeReferencesMetadataValue`",
    "Function `dev_command`",
)
# Signals that end the process, each with the seconds to wait before the next one.
SIGNALS_TO_STOP = ((signal.SIGINT, 20), (signal.SIGTERM, 10), (signal.SIGKILL, 10))


@click.command()
@home_option
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@rows_option("Number of library rows to generate if there is no demo yet.")
@click.option("--fresh", is_flag=True, help="Start with a new library on which nothing has run.")
def ui(home: Path, port: int, rows: int, fresh: bool) -> None:
    """Serve the Dagster UI over the demo database.

    The UI listens on 127.0.0.1 until Ctrl-C. The fixture LML runs with it.
    """
    require_demo_extra()
    _stop_if_port_is_taken(port)
    say(f"starting PostgreSQL and the fixture LML under {home}")
    from identity_assets.demo.station import environment_file, station

    try:
        with station(settings(), home, seeded(rows), fresh=fresh) as running:
            _write_report(running)
            address = f"http://127.0.0.1:{port}"
            say(
                f"{number_of(running.library_rows, 'library row')}; the UI will be at {address}; Ctrl-C stops it"
            )
            say(f"begin with the station's report: {address}/assets/station_report")
            with environment_file(running, home) as file:
                say(f"to run commands on this station in another terminal: . {file}")
                code = _serve_ui(port, running.environment())
    except KeyboardInterrupt:
        say("everything is stopped")
        return
    # It runs until Ctrl-C. If one of its processes dies, `dagster dev` says so and ends, even with exit code 0.
    stop(f"the UI has ended by itself: dagster dev, with exit code {code}", FAILED)


def _write_report(running: "Station") -> None:
    """Materialise the report on the station, so that its page shows the library as it is now."""
    import dagster as dg

    from identity_assets.terminal.run_pass import write_station_report

    with dg.DagsterInstance.from_config(str(running.dagster_home)) as instance:
        write_station_report(running.settings, instance)


def _stop_if_port_is_taken(port: int) -> None:
    """End the command with one line if nothing can listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            stop(
                f"port {port} of 127.0.0.1 is not available ({error.strerror}): choose another one with --port",
                FAILED,
            )


def _serve_ui(port: int, station_env: Mapping[str, str]) -> int:
    """Serve the UI until its process ends; its exit code. The process is stopped if the caller is interrupted."""
    # The runs of the command line belong to the code location of this name.
    location = {"module_name": CODE_LOCATION_MODULE, "location_name": settings().code_location_name}
    workspace = Path(station_env["DAGSTER_HOME"]) / "workspace.yaml"
    workspace.write_text(json.dumps({"load_from": [{"python_module": location}]}), encoding="utf-8")
    command = [sys.executable, "-m", "dagster", "dev", "--workspace", str(workspace)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    ignored = ",".join(f"ignore:{warning}" for warning in KNOWN_WARNINGS)
    with _child_process(command, {**os.environ, **station_env, "PYTHONWARNINGS": ignored}) as server:
        return server.wait()


@contextmanager
def _child_process(command: Sequence[str], env: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that runs until the block ends: it is asked to stop, and killed if it does not."""
    process = subprocess.Popen(command, env=env, start_new_session=True)
    try:
        yield process
    finally:
        for wanted, seconds in SIGNALS_TO_STOP:
            if process.poll() is None:
                process.send_signal(wanted)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
