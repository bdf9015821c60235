"""A PostgreSQL that is started again, refuses, or lacks something: one clear line, and the next run completes."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import make_url

from identity_assets.backend.database import Database
from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import fill_backend
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.settings import Scope, Settings
from identity_assets.terminal.run_pass import run_pass
from identity_assets_tests.scripted_lml import ScriptedLml, scripted_lml
from identity_assets_tests.support import Shelf, single_artist
from identity_assets_tests.terminal.calling import call_here, clean_env

pytestmark = pytest.mark.long

KEYS = library_partitions.get_partition_keys()


@pytest.fixture
def saying() -> Iterator[ScriptedLml]:
    """An LML of this test alone."""
    with scripted_lml() as lml:
        yield lml


def test_a_server_that_is_started_again_while_a_run_asks_is_one_line_and_the_next_run_completes(
    tmp_path: Path, saying: ScriptedLml
) -> None:
    with EmbeddedPostgres(tmp_path / "server") as server:
        server.create_database("backend")
        settings = Settings(
            database_url=make_url(server.url("backend")),
            library_metadata_url=saying.url,
            scope=Scope.full,
            batch_size=5,
            lml_max_in_flight=1,
        )
        fill_backend(settings, Catalogue((), (), frozenset()))
        with Database(settings, "test") as database:
            ids = Shelf(settings, database).put_many([f"Artist {n}" for n in range(40)])
        saying.results = {one: single_artist(one) for one in ids}

        def start_again(_ids: list[int]) -> None:
            if len(saying.asked) == 20:
                server.stop()
                server.start()

        saying.on_call = start_again
        with dg.DagsterInstance.ephemeral() as instance:
            broken = run_pass(settings, instance, KEYS, LogProgress(say=lambda _line: None))
            assert broken.accounts.skipped == {"pending": 40}
            [failure] = broken.failures
            assert failure.startswith("lml_verdicts: PostgreSQL cannot be reached or went away")
            asked = len(saying.asked)
            again = run_pass(settings, instance, KEYS, LogProgress(say=lambda _line: None))
        assert (again.failures, again.accounts.resolved) == ((), 40)
        assert len(saying.asked) - 40 <= 2 * settings.batch_size
        assert 20 <= asked < 40


SETTINGS_OF_THE_DATABASE = {
    "statement_timeout = '1ms'": "statement_timeout",
    "default_transaction_read_only = on": "read only",
    # A session of ours sets its own.
    "search_path = nowhere": "",
    "lock_timeout = '1ms'": "",
    "TimeZone = 'America/New_York'": "",
}
RENAMED = (
    *("library", "library_identity", "library_identity_source", "library_unresolved"),
    *("compilation_track_artist", "identity_assets.candidate_library", "identity_assets.lml_verdict"),
    *("identity_assets.journal_chunk", "identity_assets.lml_verdict_state", "identity_assets.leg_evidence"),
)
COLUMNS = (
    *(
        "library.canonical_entity_id",
        "library_identity.wikidata_qid",
        "library_identity_source.boost_sources",
    ),
    *("compilation_track_artist.track_artist_id", "library_unresolved.attempts"),
    *("identity_assets.candidate_library.outcome", "identity_assets.journal_chunk.befores"),
)


@pytest.fixture
def env(station_settings: Settings) -> dict[str, str]:
    return clean_env(
        DATABASE_URL=station_settings.require_database_url().render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=station_settings.require_library_metadata_url(),
        LML_RETRY_WAIT_SECONDS="0.001",
        IDENTITY_LEGS="S1",
    )


def fails_in_one_line(env: dict[str, str], *said: str) -> None:
    """A run ends with 1 and with one line for each step that fails. Each names this, and nothing of the statement."""
    ended = call_here("run", "--scope", "full", env=env)
    assert ended.returncode == 1
    lines = [one for one in ended.stderr.splitlines() if one.startswith("identity-assets: ")]
    steps = [line.split(": ")[1] for line in lines]
    assert len(steps) == len(set(steps)) > 0, lines
    assert all(one in line for line in lines for one in said), lines
    for never in ("Traceback", "[SQL", "sqlalchemy", "psycopg2"):
        assert never not in ended.stderr


MISSING = {table: "42P01" for table in RENAMED} | dict.fromkeys(COLUMNS, "42703")


# One of each kind with every test, the others in the marked set.
FEW = {"identity_assets.lml_verdict_state", "library_identity.wikidata_qid"}


@pytest.mark.parametrize(
    "missing", [pytest.param(one, marks=[] if one in FEW else pytest.mark.faults) for one in MISSING]
)
def test_what_is_missing_is_one_line_and_the_next_run_completes(
    shelf: Shelf, env: dict[str, str], missing: str
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(6)])
    owner, _, name = missing.rpartition(".")
    if missing in RENAMED:
        there, back = f"ALTER TABLE {missing} RENAME TO elsewhere", f"RENAME TO {name}"
        again = f"ALTER TABLE {owner + '.' if owner else ''}elsewhere {back}"
    else:
        there, again = (
            f"ALTER TABLE {owner} RENAME COLUMN {one} TO {two}"
            for one, two in ((name, "elsewhere"), ("elsewhere", name))
        )
    shelf.run(there)
    fails_in_one_line(env, MISSING[missing], "identity-assets migrate")
    shelf.run(again)
    assert call_here("run", "--scope", "full", env=env).returncode == 0
    assert len(shelf.rows("SELECT 1 FROM library_identity")) == len(ids)


@pytest.mark.parametrize("setting", SETTINGS_OF_THE_DATABASE)
def test_a_setting_of_the_database_that_stops_a_run_is_named(
    shelf: Shelf, env: dict[str, str], setting: str
) -> None:
    shelf.put_many([f"Known {n}" for n in range(12)])
    name = shelf.settings.require_database_url().database
    shelf.run(f"ALTER DATABASE {name} SET {setting}")
    if SETTINGS_OF_THE_DATABASE[setting]:
        fails_in_one_line(env, SETTINGS_OF_THE_DATABASE[setting])
        shelf.run(f"ALTER DATABASE {name} RESET {setting.split(maxsplit=1)[0]}")
    assert call_here("run", "--scope", "full", env=env).returncode == 0
    assert len(shelf.rows("SELECT 1 FROM library_identity")) == 12
