"""What all tests share: one embedded PostgreSQL, a fresh Backend database for each test, the fixture LML."""

import os
import shutil
import signal
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy import URL, make_url

from benchmarks._installed_postgres import InstalledPostgres
from identity_assets.backend.database import Database
from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import fill_backend, libpq_dsn
from identity_assets.settings import Settings
from identity_assets.telemetry.logs import OWN_LOGGER
from identity_assets_tests.legs.support import Cache, empty_cache
from identity_assets_tests.support import Shelf

TEMPLATE = "backend_template"

# A shell that starts the tests in the background has SIGINT ignored, and what they start would inherit that.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A database is made for each test. In memory that takes a tenth of the time that many disks need.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 * 1024**3
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

KNOWN_ARTISTS = tuple(f"Known {number}" for number in range(200))


def administer(postgres: EmbeddedPostgres, statement: str, *names: str) -> None:
    """Run a statement about whole databases."""
    with closing(psycopg2.connect(libpq_dsn(make_url(postgres.url())))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def copy_database(postgres: EmbeddedPostgres, name: str, template: str) -> None:
    """Make the database `name` a copy of `template`, which nobody is connected to."""
    administer(postgres, "CREATE DATABASE {} TEMPLATE {}", name, template)


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """A run in this process starts its logs; the next test begins without them."""
    before = list(OWN_LOGGER.handlers)
    yield
    OWN_LOGGER.handlers[:] = before


def _server() -> EmbeddedPostgres:
    """PostgreSQL in the version TEST_POSTGRES_VERSION: 16, 18, or 14 where PG14_BINDIR names its binaries."""
    version = int(os.environ.get("TEST_POSTGRES_VERSION", "16"))
    if binaries := os.environ.get(f"PG{version}_BINDIR"):
        return InstalledPostgres(Path(binaries))
    return EmbeddedPostgres(postgres_version=version)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The one server of the test session. No test pulls its plug, so it need not wait for the disk."""
    with _server() as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            administer(server, "ALTER SYSTEM SET {} = off", setting)
        administer(server, "SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """A Backend database with empty tables, migrated, that each test's database is copied from."""
    postgres.create_database(TEMPLATE)
    fill_backend(Settings(database_url=make_url(postgres.url(TEMPLATE))), Catalogue((), (), frozenset()))
    return TEMPLATE


@pytest.fixture
def shelf(postgres: EmbeddedPostgres, template: str) -> Iterator[Shelf]:
    """An empty library in a database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    copy_database(postgres, name, template)
    settings = Settings(database_url=make_url(postgres.url(name)))
    with Database(settings, "test") as database:
        yield Shelf(settings, database)
    administer(postgres, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def _lml() -> Iterator[FixtureLmlThread]:
    with FixtureLmlThread(KNOWN_ARTISTS) as server:
        yield server


@pytest.fixture
def lml(_lml: FixtureLmlThread) -> FixtureLmlThread:
    """LML over real HTTP; it knows the artists `Known 0` to `Known 199`. No fault is in force."""
    _lml.faults.clear()
    _lml.calls.reset()
    return _lml


@pytest.fixture
def station_settings(shelf: Shelf, lml: FixtureLmlThread) -> Settings:
    """Settings of the whole job on this test's library and LML."""
    return replace(shelf.settings, library_metadata_url=lml.url, lml_retry_wait_seconds=0.001)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance for one test."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def _cache_url(postgres: EmbeddedPostgres) -> URL:
    postgres.create_database("discogs_cache")
    return make_url(postgres.url("discogs_cache"))


@pytest.fixture
def cache(shelf: Shelf, _cache_url: URL) -> Iterator[Cache]:
    """An empty discogs-cache; its settings are the shelf's and its own address."""
    made = empty_cache(replace(shelf.settings, database_url_discogs=_cache_url))
    yield made
    made.dispose()


@pytest.fixture
def both_settings(station_settings: Settings, cache: Cache) -> Settings:
    """Settings of the whole job with a discogs-cache. No leg is on."""
    return replace(station_settings, database_url_discogs=cache.settings.database_url_discogs)
