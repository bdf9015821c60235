"""Running the fixture's app: in a thread for tests, in a process of its own for the demo and the benchmarks."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from identity_assets.demo.fixture_lml.app import TRANSPORT, create_app
from identity_assets.demo.fixture_lml.calls import Calls
from identity_assets.demo.fixture_lml.capacity import Capacity, Workplace
from identity_assets.demo.fixture_lml.faults import Faults
from identity_assets.demo.fixture_lml.tracks import TrackSettings, write_credits

KEY_VARIABLE: Final = "FIXTURE_LML_API_KEY"
_ROOT: Final = Path(__file__).resolve().parents[3]


class _Protocol(H11Protocol):
    """Gives the app the connection's transport: a fault drops the connection without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        served = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await served(scope, receive, send)

        self.app = with_transport


class Server(uvicorn.Server):
    """A silent server on a socket of 127.0.0.1. Calls `on_start` with its URL when it accepts connections."""

    def __init__(self, app: Starlette, port: int, on_start: Callable[[str], None]) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            # Longer than any pause of the tests and the demo, so that a client's idle connection stays open.
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        # asyncio sets TCP_NODELAY only on a socket that names its protocol; without it a call takes 40 ms more.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(128)
        self._on_start = on_start
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run_until_stopped(self) -> None:
        """Serve until `should_exit` is set or a signal arrives, then close the socket."""
        with self._listener:
            self.run(sockets=[self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then call `on_start`."""
        await super().startup(sockets)
        self._on_start(self.url)


class FixtureLmlThread:
    """The fixture on a free port of 127.0.0.1, in a thread. A context manager. `create_app` has the options."""

    def __init__(
        self,
        known_artists: Collection[str] = (),
        *,
        api_key: str | None = None,
        seconds_per_input: float = 0.0,
        capacity: Capacity | None = None,
        tracks: TrackSettings | None = None,
    ) -> None:
        self.app = create_app(
            known_artists,
            api_key=api_key,
            seconds_per_input=seconds_per_input,
            capacity=capacity,
            tracks=tracks,
        )
        self.faults: Faults = self.app.state.faults
        self.calls: Calls = self.app.state.calls
        self.url = ""
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._server = Server(self.app, 0, lambda _: self._started.set())
        self._thread = threading.Thread(
            target=self._server.run_until_stopped, name="fixture-lml", daemon=True
        )
        self.url = self._server.url
        self._thread.start()
        if not self._started.wait(30):
            raise RuntimeError("the fixture LML did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(30)

    def set_speed(self, seconds_per_input: float, capacity: Capacity | None = None) -> None:
        """Change the time of an input, and the capacity, for all calls from now on. Open calls keep the old ones."""
        self.app.state.workplace = Workplace(capacity or Capacity(), seconds_per_input)


class FixtureLmlProcess:
    """The fixture in a process of its own, so that its work is not this process's. A context manager."""

    def __init__(
        self,
        known_artists: Collection[str],
        *,
        api_key: str | None = None,
        seconds_per_input: float = 0.0,
        capacity: Capacity | None = None,
        tracks: TrackSettings | None = None,
    ) -> None:
        self.url = ""
        self._known_artists = known_artists
        self._api_key = api_key
        self._tracks = tracks or TrackSettings()
        self._options = ["--seconds-per-input", str(seconds_per_input)]
        if capacity and capacity.calls:
            self._options += ["--capacity", str(capacity.calls), "--beyond", capacity.beyond]
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="fixture-lml-")))
            known = folder / "known.txt"
            known.write_text("\n".join(" ".join(name.split()) for name in self._known_artists), "utf-8")
            # The child has read a copy; this process need not keep a catalogue of names.
            self._known_artists = ()
            process = undo.enter_context(self._start(known, _track_options(folder, self._tracks)))
            undo.callback(_end, process)
            self.url = _announced_url(process)
            self._resources = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def _start(self, known: Path, track_options: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "identity_assets.demo.fixture_lml", "--known", str(known)]
        command += self._options + track_options
        inherited = os.environ.get("PYTHONPATH")
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(_ROOT), inherited] if inherited else [str(_ROOT)]),
        }
        if self._api_key:
            command += ["--api-key-env", KEY_VARIABLE]
            env[KEY_VARIABLE] = self._api_key
        # The child reads the pipe only to learn that its parent has ended.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)


def _track_options(folder: Path, tracks: TrackSettings) -> list[str]:
    """The options of the child that give it these settings. Credits are written to a file in `folder`."""
    sizes = tracks.sizes
    options = ["--mean-credits", str(sizes.mean), "--p99-credits", str(sizes.p99)]
    options += ["--most-credits", str(sizes.most)]
    if tracks.state is not None:
        options += ["--track-state", tracks.state]
    if tracks.contract_version is None:
        options.append("--no-tracks-marker")
    if tracks.flaws:
        options.append("--track-flaws")
    if tracks.given is not None:
        write_credits(folder / "credits.json", tracks.given)
        options += ["--credits", str(folder / "credits.json")]
    return options


def _announced_url(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        line = process.stdout.readline().decode().strip()
    finally:
        limit.cancel()
        limit.join()
    if not line.startswith("listening on "):
        raise RuntimeError(f"the fixture LML did not start: it printed {line!r}")
    return line.removeprefix("listening on ")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def stop_with_parent(server: Server) -> None:
    """Stop the server when the pipe on stdin closes: the parent process holds its other end.

    A terminal or a file on stdin says nothing about a parent and is ignored.
    """
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return
    if not is_pipe:
        return

    def watch() -> None:
        # Not sys.stdin: a thread that holds its lock at exit aborts the interpreter.
        while os.read(0, 1024):
            pass
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
