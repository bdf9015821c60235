"""The Dagster UI as a newcomer starts it, a headless Chromium in front of it, and the database behind it.

What is done in the UI belongs in test_dagster_ui.py. Here it is seen to that nothing runs or listens afterwards.
"""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import URL

from identity_assets.backend.database import Database
from identity_assets.settings import Settings
from identity_assets_tests.terminal.calling import clean_env, command

PROJECT = Path(__file__).parents[2]
SCREENSHOTS = PROJECT / "screenshots"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

# The machine may be busy: nothing waits this long where all is well.
START_SECONDS = 120
PAGE_SECONDS = 60
END_SECONDS = 60

LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on RepositoryLocation { name repositories { name } }
    ... on PythonError { message }
} } } } }
"""


@dataclass(frozen=True)
class DagsterUi:
    """A UI that is being served: its address, its code location, and the station behind it."""

    url: str
    location: str
    settings: Settings

    def ask(self, query: str, **variables: object) -> Any:
        """The data that a GraphQL query gives."""
        return _ask(self.url, query, variables)

    def database(self) -> Database:
        """The station's Backend database."""
        return Database(self.settings, "browser test")


@pytest.fixture(scope="module")
def chromium() -> str:
    """Where Chromium is; the browser tests skip where there is none."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on the PATH: Debian's package `chromium` serves")
    return found


@pytest.fixture(scope="module")
def station_home() -> Iterator[Path]:
    """A directory outside pytest's own, which a second pytest closes to the user of the PostgreSQL server."""
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        yield home


@pytest.fixture(scope="module")
def dagster_ui(chromium: str, station_home: Path) -> Iterator[DagsterUi]:
    """`identity-assets ui` over a new library of 2,000 rows, of which nothing has been run."""
    assert chromium
    home = station_home
    port = _free_port()
    arguments = ("ui", "--fresh", "--rows", "2000", "--home", str(home), "--port", str(port))
    with _served(arguments, home) as is_alive:
        url = f"http://127.0.0.1:{port}"
        location = _await_location(url, is_alive)
        yield DagsterUi(url, location, Settings(database_url=_backend_of(home)))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, f"something still listens on port {port}"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of the module."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, dagster_ui: DagsterUi, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of a person who has used Dagster before; its last sight is kept, also when the test fails."""
    expect.set_options(timeout=PAGE_SECONDS * 1000)
    context = browser.new_context(
        base_url=dagster_ui.url, viewport={"width": 1500, "height": 950}, locale="en-US"
    )
    context.set_default_timeout(PAGE_SECONDS * 1000)
    # Or else a dialog asks everybody who is new to join the Dagster community.
    context.add_init_script("localStorage.setItem('communityNux', '\"1\"')")
    opened = context.new_page()
    yield opened
    opened.screenshot(path=SCREENSHOTS / f"end-of-{request.node.name}.png")
    context.close()


@contextmanager
def _served(arguments: Sequence[str], home: Path) -> Iterator[Callable[[], None]]:
    """The command in a process of its own, ended by Ctrl-C; what is given asserts that it is still there."""
    said = home / "said.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            command(*arguments),
            cwd=PROJECT,
            env=clean_env(),
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def is_alive() -> None:
        assert process.poll() is None, f"the command ended with {process.returncode}:\n{said.read_text()}"

    try:
        yield is_alive
    finally:
        left = _end(process, home)
    assert left == [], "still running after Ctrl-C, and killed now"


def _end(process: subprocess.Popen[bytes], home: Path) -> list[str]:
    """Press Ctrl-C and wait; the command lines of what was started and did not end, which is killed."""
    started = _started(process, home)
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    psutil.wait_procs(started, timeout=10)
    left = []
    for one in {*started, *_started(process, home)}:
        with suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(one.cmdline()))
                one.kill()
    process.wait()
    return left


def _started(process: subprocess.Popen[bytes], home: Path) -> list[psutil.Process]:
    """The process, all that descends from it, and the PostgreSQL server, which is nobody's child."""
    found = []
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        found = [parent, *parent.children(recursive=True)]
    named = [
        one for one in psutil.process_iter(("cmdline",)) if str(home) in " ".join(one.info["cmdline"] or ())
    ]
    return [*found, *(one for one in named if one not in found)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_location(url: str, is_alive: Callable[[], None]) -> str:
    """The name of the code location, once the UI answers and has loaded it."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        is_alive()
        with suppress(httpx.TransportError):
            entries = _ask(url, LOCATIONS, {})["workspaceOrError"]["locationEntries"]
            loaded = [entry["locationOrLoadError"] for entry in entries if entry["locationOrLoadError"]]
            assert not any("message" in one for one in loaded), loaded
            if loaded:
                assert [one["name"] for one in loaded[0]["repositories"]] == ["__repository__"]
                return str(loaded[0]["name"])
        assert time.monotonic() < deadline, f"the UI did not come up within {START_SECONDS} s"
        time.sleep(0.2)


def _ask(url: str, query: str, variables: dict[str, object]) -> Any:
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=PAGE_SECONDS)
    answer.raise_for_status()
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


def _backend_of(home: Path) -> URL:
    """The station's Backend database: the fifth line of a PostgreSQL server's pid file is its socket's directory."""
    socket_dir = (home / "postgres" / "pgdata" / "postmaster.pid").read_text().splitlines()[4]
    return URL.create(
        "postgresql+psycopg2", username="postgres", database="backend", query={"host": socket_dir}
    )
