"""Whatever is missing, locked or wrong: a command ends in one line, without a traceback and without SQL."""

from subprocess import CompletedProcess

import pytest
from sqlalchemy import text

from identity_assets.backend.database import Database
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call, call_here

pytestmark = pytest.mark.long

COMMANDS = (
    ("run",),
    ("dry-run",),
    ("dry-run", "--changes"),
    ("dry-run", "--leg", "S1"),
    ("replay",),
    ("unwind", "--library-id", "1", "--yes"),
    ("correct", "1", "--none"),
    ("held", "--drop", "--yes"),
    ("gate",),
    ("status",),
    ("rows",),
    ("explain", "1"),
)

SQL_OR_PYTHON = ("Traceback", "[SQL", "sqlalchemy", "psycopg2", "parameters:")


def assert_one_line(arguments: tuple[str, ...], ended: CompletedProcess[str], *said: str) -> str:
    """The one line of a command that failed; it says one of these."""
    code, out, err = ended.returncode, ended.stdout, ended.stderr
    assert code in {1, 2}, (arguments, out, err)
    lines = [line for line in err.splitlines() if line.startswith("identity-assets: ")]
    assert len(lines) == 1, (arguments, err)
    for word in SQL_OR_PYTHON:
        assert word not in out + err, (arguments, err)
    assert any(one in lines[0] for one in said), (arguments, lines[0])
    return lines[0]


@pytest.fixture
def asked(shelf: Shelf, env: dict[str, str]) -> dict[str, str]:
    """The environment of a station on which a run has written a row that is due again."""
    shelf.put("Known 1")
    assert call_here("run", env=env).returncode == 0
    shelf.age(30)
    return env


@pytest.mark.parametrize(
    ("spoil", "state", "commands"),
    [
        ("ALTER TABLE library RENAME artist_name TO elsewhere", "42703", ("run", "dry-run")),
        ("ALTER TABLE library_identity RENAME confidence TO elsewhere", "42703", ("run", "replay", "rows")),
        ("ALTER TABLE candidate_library RENAME TO elsewhere", "42P01", ("run", "status")),
    ],
)
def test_a_missing_table_or_column_is_one_line(
    shelf: Shelf, asked: dict[str, str], spoil: str, state: str, commands: tuple[str, ...]
) -> None:
    shelf.run(spoil)
    failed = set()
    for arguments in COMMANDS:
        ended = call_here(*arguments, env=asked)
        if "SQLSTATE" in ended.stderr:
            failed.add(arguments[0])
            assert_one_line(arguments, ended, f"(SQLSTATE {state}")
        for word in SQL_OR_PYTHON:
            assert word not in ended.stdout + ended.stderr, (arguments, ended.stderr)
    assert failed >= set(commands)


def test_a_table_that_somebody_locks_is_one_line(shelf: Shelf, asked: dict[str, str]) -> None:
    [[name]] = [list(row.values()) for row in shelf.rows("SELECT current_database()")]
    shelf.run(f"ALTER DATABASE {name} SET statement_timeout = '400ms'")
    migrations = (("migrate",), ("migrate", "--down", "--yes"))
    # No migration touches the table library.
    for table, commands in (("library", COMMANDS), ("library_identity", (*COMMANDS, *migrations))):
        with Database(shelf.settings, "other") as other, other.transaction() as holding:
            holding.execute(text(f"LOCK TABLE {table}"))
            for arguments in commands:
                if arguments[0] != "held":
                    assert_one_line(arguments, call_here(*arguments, env=asked), "57014", "55P03")


@pytest.mark.parametrize("arguments", [("migrate",), ("migrate", "--down", "--yes")])
def test_a_migration_without_a_right_is_one_line(
    shelf: Shelf, env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    shelf.run("CREATE ROLE visitor LOGIN")
    try:
        shelf.run("GRANT USAGE ON SCHEMA wxyc_schema, identity_assets TO visitor")
        shelf.run("GRANT SELECT ON ALL TABLES IN SCHEMA wxyc_schema, identity_assets TO visitor")
        url = (
            shelf.settings.require_database_url()
            .set(username="visitor")
            .render_as_string(hide_password=False)
        )
        ended = call_here(*arguments, env={**env, "DATABASE_URL": url})
        assert_one_line(arguments, ended, "42501", "permission denied")
    finally:
        shelf.run("DROP OWNED BY visitor")
        shelf.run("DROP ROLE visitor")


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        (("unwind", "--library-id", "99999999999"), {}, "99999999999 is not in the range"),
        (("explain", "99999999999"), {}, "there is no library row 99999999999"),
        (("correct", "99999999999", "--none"), {}, "99999999999"),
        (("run", "--ask-again", "all", "--library-id", "99999999999"), {}, "99999999999 is not in the range"),
        (("dry-run",), {"LML_API_KEY": "a key"}, "LML_API_KEY"),
        (("dry-run",), {"LIBRARY_METADATA_URL": "http://127.0.0.1:1/?x=1"}, "LIBRARY_METADATA_URL"),
        (("dry-run",), {"LIBRARY_METADATA_URL": "http://127.0.0.1:1/#x"}, "LIBRARY_METADATA_URL"),
        (("run",), {"LML_API_KEY": "a key"}, "LML_API_KEY"),
        (("run",), {"LIBRARY_METADATA_URL": "http://127.0.0.1:1/?x=1"}, "LIBRARY_METADATA_URL"),
        (("dry-run",), {"LML_API_KEY": "schlüssel"}, "LML_API_KEY"),
    ],
)
def test_a_wrong_argument_or_setting_is_one_line(
    asked: dict[str, str], arguments: tuple[str, ...], changed: dict[str, str], said: str
) -> None:
    line = assert_one_line(arguments, call_here(*arguments, env={**asked, **changed}), said)
    assert "a key" not in line
    assert "schlüssel" not in line


def test_a_schema_that_is_a_word_of_sql_and_is_not_there_is_one_line(env: dict[str, str]) -> None:
    for arguments in (("migrate",), ("status",)):
        assert_one_line(
            arguments,
            call(*arguments, env={**env, "WXYC_SCHEMA_NAME": "user"}),
            "not a Backend database",
            "42P01",
        )
