"""PostgreSQL from a folder of binaries, for benchmarks and tests, where no wheel brings the version."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from identity_assets.demo.postgres import EmbeddedPostgres

DEBIAN_BINARIES = Path("/usr/lib/postgresql/15/bin")
"""Where Debian's package postgresql-15 has them. It has TLS and the contrib extensions, which the demo's has not."""

# PostgreSQL refuses to run as root.
_UNPRIVILEGED = ("postgres", "pgserver", "nobody")


class InstalledPostgres(EmbeddedPostgres):
    """The server of these binaries (`initdb`, `pg_ctl`) on a unix socket, in a temporary folder.

    With `tcp_port` it also listens on 127.0.0.1 and ::1.
    """

    def __init__(self, binaries: Path, *, tcp_port: int | None = None) -> None:
        super().__init__()
        self._binaries = binaries
        self._tcp_port = tcp_port
        says = subprocess.run(
            [binaries / "postgres", "--version"], check=True, capture_output=True, text=True
        )
        # postgres (PostgreSQL) 15.9 (Debian 15.9-0+deb12u1)
        self._version = int(says.stdout.split()[2].split(".")[0])

    def start(self) -> None:
        """Make the server's files and start it."""
        self._home = Path(tempfile.mkdtemp(prefix="identity-assets-installed-"))
        if os.geteuid() == 0:
            shutil.chown(self._home, _unprivileged_user())
        try:
            self._run(
                "initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
            )
            listen = "" if self._tcp_port is None else "127.0.0.1,::1"
            options = f"-k {self._home} -c listen_addresses={listen} -c port={self._address()[1]}"
            self._run("pg_ctl", "start", "-w", "-l", str(self._home / "log"), "-o", options)
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Stop the server and start it again: it reads all of its settings anew."""
        self._run("pg_ctl", "restart", "-w", "-m", "fast", "-l", str(self.home / "log"))

    def stop(self) -> None:
        """Stop the server and delete its files."""
        if self._home is not None:
            with suppress(subprocess.CalledProcessError):
                self._run("pg_ctl", "stop", "-w", "-m", "fast")
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def put_file(self, name: str, content: str) -> None:
        """Put a file beside the server's own that only the server may read, such as the key of its certificate."""
        file = self.home / "pgdata" / name
        file.touch(mode=0o600)
        file.write_text(content, encoding="utf-8")
        if os.geteuid() == 0:
            shutil.chown(file, _unprivileged_user())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), "-D", str(self.home / "pgdata"), *arguments],
            user=_unprivileged_user() if os.geteuid() == 0 else None,
            cwd=self.home,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    def _address(self) -> tuple[str, int]:
        return str(self.home), self._tcp_port or 5432


def _unprivileged_user() -> str:
    known = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)
