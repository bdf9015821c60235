"""Prepared databases for the kill harness, one warm process, and a scripted LML, for the whole test session."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pytest
from sqlalchemy import URL, make_url

from identity_assets.backend.database import Database
from identity_assets.backend.migrate import migrate
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.settings import Settings
from identity_assets_tests.conftest import administer, copy_database
from identity_assets_tests.faults.harness import SMALL_STEPS, Deed, Undisturbed, Victim, run_undisturbed
from identity_assets_tests.faults.library import Library, prepare
from identity_assets_tests.legs.support import empty_cache
from identity_assets_tests.scripted_lml import ScriptedLml, scripted_lml
from identity_assets_tests.support import Shelf, nothing, single_artist
from identity_assets_tests.terminal.calling import clean_env

# The prepared database that each deed begins with, where it is not `written`.
BEGINS_WITH = {
    "run": "due",
    "run of one partition": "due",
    "migrate": "bare",
    "accept held answers": "held",
    "drop held answers": "held",
}
GUARDED_ROWS = 24
"""So many identities that LML withdraws at once are held back."""


@pytest.fixture(scope="session")
def victim() -> Iterator[Victim]:
    """The warm process whose children are killed."""
    with Victim() as started:
        yield started


@pytest.fixture(scope="session")
def scripted() -> Iterator[ScriptedLml]:
    """LML over real HTTP; what it says is that of the library under test."""
    with scripted_lml() as lml:
        yield lml


@dataclass
class Stage:
    """Deeds on prepared databases, and copies of these to do them in."""

    postgres: EmbeddedPostgres
    lml: ScriptedLml
    victim: Victim
    library: Library
    cache_url: URL
    templates: Mapping[str, str]
    _undisturbed: dict[str, Undisturbed]
    run_id: str = ""

    @contextmanager
    def copy(self, template: str) -> Iterator[Shelf]:
        """A copy of a prepared database."""
        name = f"fault_{uuid.uuid4().hex}"
        copy_database(self.postgres, name, template)
        settings = Settings(database_url=make_url(self.postgres.url(name)))
        with Database(settings, "test") as database:
            yield Shelf(settings, database)
        administer(self.postgres, "DROP DATABASE {} WITH (FORCE)", name)

    def of(self, branch: str) -> AbstractContextManager[Shelf]:
        """A copy of the database that this deed begins with."""
        return self.copy(self.templates[BEGINS_WITH.get(branch, "written")])

    def deed(self, branch: str, shelf: Shelf) -> Deed:
        """The command of this name, on this copy."""
        env = self.env(shelf)
        decided, kept = (
            [str(one) for fate in fates for one in self.library.rows.get(fate, [])]
            for fates in (("new", "changed"), ("new", "confirmed"))
        )
        none_written, none_held = "there is nothing to take back", "there is nothing to decide"
        return {
            "run": Deed(["run", "--scope", "full"], env),
            # The partition alone matches no pair of the cache, so that leg_matches is red.
            "run of one partition": Deed(["run", "--scope", "full", "--partition", "03"], env, code=3),
            # The database refuses one of its rows.
            "replay": Deed(["replay"], {**env, "CONFIDENCE_BANDS": "warn"}, code=1),
            "unwind a run": Deed(["unwind", "--run", self.run_id, "--yes"], env, 0, none_written),
            "unwind by notes": Deed(
                ["unwind", "--notes", "consumer:lml-bulk", "--yes"], env, 0, none_written
            ),
            "unwind a leg": Deed(["unwind", "--notes", "backfill:S3", "--yes"], env, 0, none_written),
            "correct": Deed(["correct", *decided, "--wikidata", "Q42", "--by", "Ann", "--yes"], env),
            "correct to none": Deed(["correct", *decided, "--none", "--by", "Ann", "--yes"], env),
            "reject": Deed(["reject", *decided, "--by", "Ann", "--yes"], env),
            "reject a source": Deed(
                ["reject", *kept, "--source", "musicbrainz", "--by", "Ann", "--yes"], env
            ),
            "accept held answers": Deed(["held", "--accept", "--yes"], env, 0, none_held),
            "drop held answers": Deed(["held", "--drop", "--yes"], env, 0, none_held),
            "migrate": Deed(["migrate"], env),
            "migrate down": Deed(["migrate", "--down", "--yes"], env),
        }[branch]

    def env(self, shelf: Shelf) -> dict[str, str]:
        """The environment of a command on this copy."""
        return clean_env(
            DATABASE_URL=shelf.settings.require_database_url().render_as_string(hide_password=False),
            DATABASE_URL_DISCOGS=self.cache_url.render_as_string(hide_password=False),
            LIBRARY_METADATA_URL=self.lml.url,
            IDENTITY_LEGS="S1,S3",
            # Of these few rows several have a fault, so rows_set_aside would be red; so would stale_rows after a run
            # of a part of them.
            SET_ASIDE_SHARE_LIMIT="1",
            STALE_ROWS_ERROR="1",
            **SMALL_STEPS,
        )

    def undisturbed(self, branch: str) -> Undisturbed:
        """What the deed comes to when nobody kills it."""
        if branch not in self._undisturbed:
            with self.of(branch) as shelf:
                self._undisturbed[branch] = run_undisturbed(
                    self.victim, self.deed(branch, shelf), shelf, self.lml
                )
        return self._undisturbed[branch]


@pytest.fixture(scope="session")
def stage(postgres: EmbeddedPostgres, template: str, victim: Victim, scripted: ScriptedLml) -> Stage:
    """Databases: `due` before a run, `written` after it, `held` with held answers, `bare` without our tables."""
    postgres.create_database("cache_of_faults", fresh=True)
    cache_url = make_url(postgres.url("cache_of_faults"))
    templates = {name: f"prepared_{name}" for name in ("due", "written", "held", "bare")}
    made = Stage(postgres, scripted, victim, Library(), cache_url, templates, {})

    def fill(name: str, source: str, work: Callable[[Shelf], None]) -> None:
        copy_database(postgres, templates[name], source)
        settings = Settings(database_url=make_url(postgres.url(templates[name])))
        with Database(settings, "test") as database:
            work(Shelf(settings, database))

    def do(shelf: Shelf, *arguments: str) -> None:
        ended = victim.run(arguments, made.env(shelf))
        assert ended.code == 0, ended.output

    def make_due(shelf: Shelf) -> None:
        cache = empty_cache(replace(shelf.settings, database_url_discogs=cache_url))
        made.library = prepare(shelf, cache, scripted, partial(do, shelf))
        cache.dispose()

    def make_written(shelf: Shelf) -> None:
        do(shelf, "run", "--scope", "full")
        [last] = shelf.rows("SELECT run_id FROM journal_chunk ORDER BY chunk_id DESC LIMIT 1")
        made.run_id = last["run_id"]

    def make_held(shelf: Shelf) -> None:
        ids = shelf.put_many([f"Guarded {number}" for number in range(GUARDED_ROWS)])
        scripted.results = {**made.library.second, **{one: single_artist(one) for one in ids}}
        do(shelf, "run", "--scope", "full")
        shelf.age(8)
        scripted.results = {one: nothing(one) for one in scripted.results}
        ended = victim.run(["run", "--scope", "full"], made.env(shelf))
        assert "answers_plausible" in ended.output, ended.output
        scripted.results = made.library.second

    fill("due", template, make_due)
    fill("written", templates["due"], make_written)
    fill("held", templates["written"], make_held)
    fill("bare", templates["due"], lambda shelf: migrate(shelf.database, "base") and None)
    return made
