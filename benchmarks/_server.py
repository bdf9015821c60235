"""The PostgreSQL that the benchmarks run on, its processor time, and a process measured beside it."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from psycopg2 import sql
from sqlalchemy import make_url

from benchmarks._installed_postgres import InstalledPostgres
from benchmarks._memory import PeakMemory
from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import fill_backend, libpq_dsn
from identity_assets.settings import Settings

BACKEND = "benchmark_backend"
STORED = "benchmark_stored"
DISCOGS_CACHE = "benchmark_discogs_cache"
DAGSTER = "benchmark_dagster"
_TEMPLATE = "benchmark_filled"
_REAP_SECONDS = 0.2


class Server:
    """The databases of the benchmarks on one embedded PostgreSQL."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        self._catalogue: Catalogue | None = None
        first_line = (postgres.home / "pgdata" / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0]
        self._postmaster = psutil.Process(int(first_line))

    def settings(self, database: str, **changes: Any) -> Settings:
        """Settings that name one database of this server."""
        return Settings(database_url=make_url(self.postgres.url(database)), **changes)

    def dsn(self, database: str) -> str:
        """The address of one database in the form that psycopg2 accepts."""
        return libpq_dsn(make_url(self.postgres.url(database)))

    def fresh_library(self, catalogue: Catalogue, name: str = BACKEND) -> str:
        """A database with this catalogue, migrated, and nothing asked yet. Returns its name."""
        if self._catalogue is not catalogue:
            self.postgres.create_database(_TEMPLATE, fresh=True)
            fill_backend(self.settings(_TEMPLATE), catalogue)
            self._catalogue = catalogue
        return self.copy(_TEMPLATE, name)

    def copy(self, template: str, name: str) -> str:
        """Replace the database `name` by a copy of `template`, and write both to the disk. Returns `name`."""
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        # Before version 15 files are always copied.
        strategy = " STRATEGY FILE_COPY" if self.postgres.version >= 15 else ""
        self.run(f"CREATE DATABASE {{}} TEMPLATE {{}}{strategy}", name, template)
        self.run("CHECKPOINT")
        return name

    def run(self, statement: str, *names: str) -> None:
        """Run a statement about whole databases."""
        with closing(psycopg2.connect(self.dsn("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def transactions(self, database: str) -> int:
        """How many transactions ended in this database since it was created, as the server counts them."""
        with closing(psycopg2.connect(self.dsn("postgres"))) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", (database,)
            )
            (number,) = cursor.fetchone() or (0,)
            return int(number)

    def cpu_seconds(self) -> float:
        """Processor time of the server's processes since it started, those that have ended included.

        It first waits a moment, in which the server reaps the sessions that have just ended.
        """
        time.sleep(_REAP_SECONDS)
        own = self._postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in self._postmaster.children():
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                # It ended, and was reaped, after `own` was read.
                continue
            total += times.user + times.system
        return float(total)


@contextmanager
def server(binaries: Path | None = None, *, with_fsync: bool = True) -> Iterator[Server]:
    """A server in a temporary directory, with PostgreSQL's default settings: the demo's, or that of `binaries`.

    Without fsync a COMMIT does not wait for the disk. That favours the plain baseline, which commits each row.
    """
    with InstalledPostgres(binaries) if binaries else EmbeddedPostgres() as postgres:
        made = Server(postgres)
        if not with_fsync:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                made.run("ALTER SYSTEM SET {} = off", setting)
            made.run("SELECT pg_reload_conf()")
        yield made


def measured_process(
    command: Sequence[str], environment: Mapping[str, str], postgres: Server
) -> tuple[dict[str, float], str]:
    """Run one process to its end. Returns its measures and its stdout.

    `cpu_seconds` are the process's own. `postgres_cpu_seconds` are the server's in the same time.
    `resident_mib` is the process's peak, 0 where the system has no /proc. Raises SystemExit if the process fails.
    """
    with tempfile.TemporaryFile() as errors:
        cpu_before, began = postgres.cpu_seconds(), time.monotonic()
        process = subprocess.Popen(
            list(command), env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=errors
        )
        memory = PeakMemory(process.pid)
        assert process.stdout is not None
        with process.stdout:
            printed = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, cpu_after = time.monotonic() - began, postgres.cpu_seconds()
        if process.returncode:
            errors.seek(0)
            tail = errors.read().decode(errors="replace")[-2000:]
            raise SystemExit(
                f"{' '.join(command)} ended with {process.returncode}:\n{printed[-500:]}\n{tail}"
            )
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "postgres_cpu_seconds": round(cpu_after - cpu_before, 3),
        "resident_mib": round(memory.mib, 1),
    }, printed


@contextmanager
def measured_block(postgres: Server) -> Iterator[dict[str, float]]:
    """Measure a block of this process. The measures are in the yielded dict when the block has ended."""
    measures: dict[str, float] = {}
    postgres_before, cpu_before, began = postgres.cpu_seconds(), time.process_time(), time.monotonic()
    yield measures
    measures["seconds"] = round(time.monotonic() - began, 3)
    measures["cpu_seconds"] = round(time.process_time() - cpu_before, 3)
    measures["postgres_cpu_seconds"] = round(postgres.cpu_seconds() - postgres_before, 3)
