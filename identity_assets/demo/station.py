"""All services of a station for the demo and `ui`: Backend's catalogue, a discogs-cache, LML, Dagster's storage.

Not here: the commands that run on it (`terminal`), and how each part works (the modules beside this one).
"""

import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import orjson
import psycopg2
import yaml
from sqlalchemy import URL, make_url, text

from identity_assets.backend.database import Database
from identity_assets.backend.migrate import migrate
from identity_assets.demo.backend_tables import create_backend_tables, load_catalogue
from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.discogs_cache import fill_discogs_cache, seeded_cache
from identity_assets.demo.fixture_lml import FixtureLmlProcess, TrackSettings
from identity_assets.demo.fixture_lml.tracks import TrackCredit
from identity_assets.demo.postgres import EmbeddedPostgres, make_home
from identity_assets.demo.track_credits import DEMO_TRACK_SIZES
from identity_assets.settings import Settings

RUNS_THAT_ASK = 2


@dataclass(frozen=True)
class Station:
    """A running station: settings that point at it, the home of its Dagster instance, its number of library rows."""

    settings: Settings
    dagster_home: Path
    library_rows: int

    def environment(self) -> dict[str, str]:
        """The environment variables with which another process works on this station."""
        return {
            "DAGSTER_HOME": str(self.dagster_home),
            "DATABASE_URL": self.settings.require_database_url().render_as_string(hide_password=False),
            "DATABASE_URL_DISCOGS": self.settings.require_database_url_discogs().render_as_string(
                hide_password=False
            ),
            "LIBRARY_METADATA_URL": self.settings.require_library_metadata_url(),
        }


@contextmanager
def environment_file(here: Station, home: Path) -> Iterator[Path]:
    """A file that a shell reads to run commands on this station. It exists while the station runs."""
    file = home / "env"
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in here.environment().items())
    write_private(file, "".join(lines))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def fill_backend(settings: Settings, catalogue: Catalogue) -> None:
    """Create Backend's tables in an empty database, load the catalogue and migrate."""
    url = settings.require_database_url()
    with closing(psycopg2.connect(libpq_dsn(url))) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {settings.schema_name}")
            cursor.execute(f"SET search_path = {settings.schema_name}")
        create_backend_tables(connection)
        load_catalogue(connection, catalogue)
    with Database(settings, "demo") as database:
        migrate(database)


def libpq_dsn(url: URL) -> str:
    """The address in the form that psycopg2 accepts, without the driver's name."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def write_dagster_home(folder: Path, storage_url: str) -> Path:
    """A Dagster home that keeps runs, events and schedules in PostgreSQL."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    config = {
        "storage": {"postgres": {"postgres_url": storage_url}},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        # At most two runs ask LML at a time, because LML is the bottleneck.
        "concurrency": {"pools": {"granularity": "run", "default_limit": RUNS_THAT_ASK}},
        "run_monitoring": {"enabled": True, "max_runtime_seconds": 4 * 3600},
        "compute_logs": {
            "module": "dagster.core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(folder / "compute_logs")},
        },
    }
    write_private(folder / "dagster.yaml", yaml.safe_dump(config))
    return folder


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, also if it was there before."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text, encoding="utf-8")


def bound_runs_that_ask(dagster_home: Path) -> None:
    """Let at most two runs ask LML at a time, as `dagster instance concurrency set lml 2` does.

    The default limit in dagster.yaml does not apply to the first runs of a pool that an instance sees.
    """
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.event_log_storage.set_concurrency_slots("lml", RUNS_THAT_ASK)


@contextmanager
def station(
    settings: Settings,
    home: Path,
    catalogue: Callable[[], Catalogue],
    *,
    fresh: bool = True,
    seconds_per_input: float = 0.0,
) -> Iterator[Station]:
    """Start everything. At the end of the block everything is stopped, also after an error.

    `home` keeps the databases and what the fixture LML knows. LML takes `seconds_per_input` for
    each input. `fresh` makes the databases again from `catalogue`; otherwise only a home without databases gets them.
    """
    home = home.resolve()
    make_home(home)
    with EmbeddedPostgres(home / "postgres") as postgres:
        here = replace(
            settings,
            database_url=make_url(postgres.url("backend")),
            database_url_discogs=make_url(postgres.url("discogs_cache")),
            discogs_schema_name="wxyc",
            lml_api_key=None,
        )
        # The home of an older version has no such file: make its databases again.
        knowledge = home / "lml_knowledge.json"
        if fresh or not knowledge.exists():
            _make_databases(postgres, here, catalogue(), knowledge)
        else:
            _migrate(here)
        dagster_home = write_dagster_home(home / "dagster", postgres.url("dagster"))
        bound_runs_that_ask(dagster_home)
        with _fixture_lml(knowledge, seconds_per_input) as lml:
            yield Station(replace(here, library_metadata_url=lml.url), dagster_home, _library_rows(here))


def _make_databases(
    postgres: EmbeddedPostgres, settings: Settings, catalogue: Catalogue, knowledge: Path
) -> None:
    """Make the three databases, then the file of what LML knows: if the file exists, the databases are complete."""
    knowledge.unlink(missing_ok=True)
    for name in ("backend", "dagster", "discogs_cache"):
        postgres.create_database(name, fresh=True)
        _commit_without_waiting(postgres, name)
    cache_dsn = libpq_dsn(settings.require_database_url_discogs())
    with ThreadPoolExecutor(1) as beside:
        cache = beside.submit(lambda: fill_discogs_cache(cache_dsn, seeded_cache(catalogue)))
        fill_backend(settings, catalogue)
        cache.result()
    credits = catalogue.credits_by_library_id() if catalogue.lml_has_tracks else None
    known = {"artists": sorted(catalogue.known_artists), "credits": credits}
    write_private(knowledge, orjson.dumps(known, option=orjson.OPT_NON_STR_KEYS).decode())


def _commit_without_waiting(postgres: EmbeddedPostgres, name: str) -> None:
    """Let a commit in this database return before it is on the disk. After a crash the last second may be missing."""
    url = libpq_dsn(make_url(postgres.url(name)))
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")


def _fixture_lml(knowledge: Path, seconds_per_input: float) -> FixtureLmlProcess:
    """The fixture LML with the knowledge of this file: its artists, and its credits if it does not invent them."""
    known = orjson.loads(knowledge.read_bytes())
    given = known["credits"]
    tracks = TrackSettings(
        sizes=DEMO_TRACK_SIZES,
        given=given and {int(key): [TrackCredit(**credit) for credit in one] for key, one in given.items()},
        flaws=True,
    )
    return FixtureLmlProcess(known["artists"], seconds_per_input=seconds_per_input, tracks=tracks)


def _migrate(settings: Settings) -> None:
    with Database(settings, "demo") as database:
        migrate(database)


def _library_rows(settings: Settings) -> int:
    with Database(settings, "demo") as database, database.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM library")).scalar_one())
