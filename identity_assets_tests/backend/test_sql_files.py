"""Every statement stands in a file beside the one module that runs it, says what it does, and can be planned."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

import identity_assets
from identity_assets.backend.database import Database
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.settings import Settings
from identity_assets_tests.conftest import administer, copy_database
from identity_assets_tests.legs.support import Cache

PACKAGE = Path(identity_assets.__file__).parent
FUNCTIONS = PACKAGE / "backend" / "functions"
REPOSITORY = PACKAGE.parent

NO_STATEMENTS = {FUNCTIONS, PACKAGE / "demo", PACKAGE / "_migrations"}
STATEMENTS = sorted(
    file
    for file in PACKAGE.rglob("*.sql")
    if not NO_STATEMENTS & set(file.parents) and file != PACKAGE / "backend" / "schema.sql"
)
MAKES_TABLE = re.compile(r"^CREATE TEMPORARY TABLE (\w+)", re.MULTILINE)
# EXPLAIN takes no such command.
CANNOT_BE_EXPLAINED = re.compile(r"^(SET|LOCK|ANALYZE|TRUNCATE|CREATE TEMPORARY TABLE \w+ \()", re.MULTILINE)


def name_of(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


def code_of(file: Path) -> str:
    """The statement without its comments."""
    return re.sub(r"--.*", "", file.read_text(encoding="utf-8"))


def named_in(folder: Path) -> Counter[str]:
    """How often the modules of a folder name each statement."""
    return Counter(
        name
        for module in folder.glob("*.py")
        for name in re.findall(r"""\b_sql\(\s*"([^"]+)"\s*\)""", module.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize("file", STATEMENTS, ids=name_of)
def test_a_statement_is_named_once_in_a_module_of_its_folder(file: Path) -> None:
    assert named_in(file.parent)[file.name] == 1


def test_a_module_names_only_statements_that_stand_beside_it() -> None:
    for folder in {module.parent for module in PACKAGE.rglob("*.py")}:
        assert named_in(folder).keys() <= {file.name for file in folder.glob("*.sql")}, folder


@pytest.mark.parametrize("file", [*STATEMENTS, *sorted(FUNCTIONS.glob("*.sql"))], ids=name_of)
def test_a_file_of_sql_begins_with_a_description(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert re.match(r"-- [A-Z\"].{20,}", first), first


@pytest.mark.parametrize("file", STATEMENTS, ids=name_of)
def test_a_file_holds_one_statement(file: Path) -> None:
    assert ";" not in re.sub(r"'(?:[^']|'')*'", "''", code_of(file)).rstrip().rstrip(";")


def run_with_nulls(connection: Connection, statement: str, *, explain: bool) -> None:
    """Run or plan a statement with null for every bind parameter."""
    clause = text(f"EXPLAIN {statement}" if explain else statement)
    connection.execute(clause, dict.fromkeys(clause.compile().params))


def make_tables_for(connection: Connection, file: Path) -> None:
    """Make the temporary tables that a statement reads, without rows; a maker in the same folder comes first."""
    code = code_of(file)
    makers: dict[str, Path] = {}
    for maker in sorted(STATEMENTS, key=lambda one: one.parent == file.parent):
        if made := MAKES_TABLE.search(code_of(maker)):
            makers[made[1]] = maker
    for table, maker in makers.items():
        if maker != file and re.search(rf"\b{table}\b", code):
            make_tables_for(connection, maker)
            # Another maker may have needed the same table.
            if (
                connection.execute(text("SELECT to_regclass(:name)"), {"name": f"pg_temp.{table}"}).scalar()
                is None
            ):
                run_with_nulls(connection, code_of(maker), explain=False)


def plan(connection: Connection, file: Path) -> None:
    make_tables_for(connection, file)
    code = code_of(file)
    run_with_nulls(connection, code, explain=not CANNOT_BE_EXPLAINED.search(code))


@pytest.fixture(scope="module")
def empty_backend(postgres: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """A migrated Backend database without rows, for all statements of this module: planning changes nothing."""
    copy_database(postgres, "only_planned", template)
    with Database(Settings(database_url=make_url(postgres.url("only_planned"))), "test") as database:
        yield database
    administer(postgres, "DROP DATABASE {} WITH (FORCE)", "only_planned")


@pytest.mark.parametrize("file", [one for one in STATEMENTS if "backend" in one.parts], ids=name_of)
def test_a_statement_can_be_planned_on_an_empty_backend(empty_backend: Database, file: Path) -> None:
    with empty_backend.transaction() as connection:
        plan(connection, file)


@pytest.mark.parametrize("file", [one for one in STATEMENTS if "backend" not in one.parts], ids=name_of)
def test_a_statement_can_be_planned_on_an_empty_discogs_cache(cache: Cache, file: Path) -> None:
    there = replace(cache.settings, database_url=cache.settings.database_url_discogs, schema_name="wxyc")
    with Database(there, "test") as database, database.transaction() as connection:
        plan(connection, file)


def test_no_function_or_view_is_made_in_python() -> None:
    made = re.compile(r"CREATE (OR REPLACE )?(FUNCTION|VIEW)")
    modules = [
        module
        for folder in ("migrations", "identity_assets")
        for module in (REPOSITORY / folder).rglob("*.py")
    ]
    assert len(modules) > 50
    assert [module for module in modules if made.search(module.read_text(encoding="utf-8"))] == []


def test_a_revision_makes_no_function_or_view() -> None:
    revisions = sorted((REPOSITORY / "migrations" / "versions").glob("*.sql"))
    assert revisions
    for file in revisions:
        assert not re.search(r"CREATE (OR REPLACE )?(FUNCTION|VIEW|TRIGGER)", code_of(file)), file
