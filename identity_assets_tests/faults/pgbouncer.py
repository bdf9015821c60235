"""Debian's pgbouncer in front of the tests' PostgreSQL, for one test."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy import URL

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
MISSING = "pgbouncer is not installed: Debian's package pgbouncer has it"


@contextmanager
def pgbouncer(server: URL, pool_mode: str, **settings: str) -> Iterator[URL]:
    """The same address through a pgbouncer in this mode; `settings` are further lines of its configuration."""
    assert PGBOUNCER is not None, MISSING
    socket_folder = str(server.query["host"])
    home = Path(tempfile.mkdtemp(prefix="identity-assets-pgbouncer-"))
    # Only the server's own user may use its socket, and pgbouncer refuses to run as root.
    user = Path(socket_folder).owner() if os.geteuid() == 0 else None
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": pool_mode,
        "default_pool_size": "50",
        "logfile": str(home / "log"),
        **settings,
    }
    database = f"{server.database} = host={socket_folder} port={server.query.get('port', 5432)} user=postgres"
    (home / "pgbouncer.ini").write_text(
        "\n".join(
            ["[databases]", database, "[pgbouncer]", *(f"{name} = {value}" for name, value in lines.items())]
        ),
        encoding="utf-8",
    )
    if user is not None:
        for path in (home, home / "pgbouncer.ini"):
            shutil.chown(path, user)
    through = URL.create(
        "postgresql+psycopg2", "postgres", host="127.0.0.1", port=port, database=server.database
    )
    process = subprocess.Popen(
        [PGBOUNCER, "-q", str(home / "pgbouncer.ini")], user=user, stderr=subprocess.DEVNULL, cwd=home
    )
    try:
        _await(through)
        yield through
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(home)


def _await(address: URL) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            psycopg2.connect(
                host=address.host, port=address.port, user="postgres", dbname=address.database
            ).close()
        except psycopg2.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.02)
        else:
            return
