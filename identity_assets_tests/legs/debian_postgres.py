"""Debian's PostgreSQL with its contrib extensions, for one test. The embedded server has no extensions."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")
UNPRIVILEGED = "postgres"


@contextmanager
def debian_postgres() -> Iterator[str]:
    """A server of Debian's postgresql-15 on a unix socket; yields the socket's directory, for the user `postgres`.

    PostgreSQL refuses to run as root: then it runs as the system user of Debian's package.
    """
    home = Path(tempfile.mkdtemp(prefix="identity-assets-debian-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(home, user)
    data = str(home / "data")

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(BINARIES / program), "-D", data, *arguments],
            user=user,
            cwd=home,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    try:
        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        run("pg_ctl", "start", "-w", "-l", str(home / "log"), "-o", f"-k {home} -c listen_addresses= -F")
        try:
            yield str(home)
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(home)
