"""An embedded PostgreSQL for the demo and the tests.

Belongs here: one server's home, its lock and its databases. Not here: the server's processes, schemas and data.
"""

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import psycopg2
from psycopg2 import sql
from psycopg2.errors import DuplicateDatabase, UniqueViolation
from psycopg2.extensions import cursor as Cursor

from identity_assets.demo.postgres_processes import (
    POSTGRES_VERSIONS,
    EmbeddedPostgresError,
    PostmasterInfo,
    start_server,
    stop_server,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "make_home"]

_TEMPORARY_PREFIX = "identity-assets-postgres-"
# In the order of preference. Under the locale C, lower() changes only ASCII letters.
_LOCALES = ("C.utf8", "C.UTF-8", "en_US.utf8", "en_US.UTF-8")


class EmbeddedPostgres:
    """One PostgreSQL server on a unix socket. It runs inside the `with` block and stops at its end.

    `home` keeps the databases from one run to the next. One process at a time may use it. None takes a temporary
    directory that is deleted at the end. If a killed process left a server running on the same home, that server
    is used. Raises `EmbeddedPostgresError` if the server cannot start.

    If this process runs as root, the server runs as the system user `pgserver`, and the directories above `home`
    become readable for that user.
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
    def version(self) -> int:
        """The major version of PostgreSQL."""
        return self._version

    @property
    def home(self) -> Path:
        """The directory that holds the server's data."""
        if self._home is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL is not started: use it in a with block")
        return self._home

    def start(self) -> None:
        """Start the server, or use the one that a killed process left running on this home."""
        if self._server is not None:
            return
        self._owner = os.getpid()
        atexit.register(self.stop)
        try:
            self._home = self._take_home()
            self._lock = _lock_home(self._home)
            self._server = start_server(self._home / "pgdata", self._version)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and release its home. Does nothing if the server is stopped already."""
        if os.getpid() != self._owner:
            # A forked child closes its copy of the lock. The server belongs to the parent.
            if self._lock is not None:
                self._lock.close()
            return
        with _signals_ignored():
            if self._lock is not None and self._home is not None:
                stop_server(self._home / "pgdata", self._server)
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
        """Create a UTF-8 database if it does not exist. `fresh` drops it first and ends its sessions."""
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
                # A killed process may have sent the same statement just before.
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
            make_home(home)
        except FileExistsError:
            raise EmbeddedPostgresError(f"{home} is a file: give a directory for PostgreSQL's data") from None
        except OSError as error:
            raise _not_writable(home, error) from error
        return home


def make_home(folder: Path) -> None:
    """Make the folder, and let nobody else in. One that is there already is left as it is."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        # The server of root runs as another user, who must pass through.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _locale(cursor: Cursor) -> str:
    """The locale of this machine that suits names in every script best."""
    cursor.execute("SELECT collname FROM pg_collation WHERE collname = ANY(%s)", (list(_LOCALES),))
    known = {name for (name,) in cursor.fetchall()}
    return next((locale for locale in _LOCALES if locale in known), "C")


def _temporary_home() -> Path:
    try:
        _sweep_abandoned()
        return Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX)).resolve()
    except OSError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL's data need a temporary directory ({error}): set TMPDIR to a writable one"
        ) from error


def _not_writable(home: Path, error: OSError) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"{home} cannot hold PostgreSQL's data ({error.strerror or error}): give one that can be written to"
    )


def _lock_home(home: Path) -> IO[str]:
    """Lock the home until this process ends. The kernel releases the lock, however the process ends."""
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
    """Stop the servers and delete the files that killed processes of this user left in the temporary directory."""
    for home in Path(tempfile.gettempdir()).glob(_TEMPORARY_PREFIX + "*"):
        with suppress(OSError, EmbeddedPostgresError):
            lock_file = home / "owner.lock"
            is_ours = not home.is_symlink() and home.stat().st_uid == os.geteuid()
            # An empty lock file belongs to a process that is about to lock it.
            if is_ours and lock_file.stat().st_size > 0:
                with _lock_home(home.resolve()):
                    stop_server(home.resolve() / "pgdata", None)
                    shutil.rmtree(home)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM, so that a second one does not interrupt the shutdown."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
