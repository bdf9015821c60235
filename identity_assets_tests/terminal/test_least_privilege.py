"""The role of docs/least-privilege.md: with it everything works.

Without any one of its rights one line says which is missing.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from identity_assets.backend.database import Database, MissingRightsError
from identity_assets.backend.migrate import migrate
from identity_assets.settings import Settings
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here

PAGE = Path(__file__).parents[2] / "docs" / "least-privilege.md"
ROLE = "identity_assets_run"
RIGHTS = re.compile(r"\b(GRANT|ALTER DEFAULT PRIVILEGES)\b")


def statements_of_page() -> list[str]:
    """The SQL of the page, without comments."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    sql = re.sub(r"^--.*$", "", "\n".join(blocks), flags=re.MULTILINE)
    return [one.strip() for one in sql.split(";") if one.strip()]


@pytest.fixture
def role(shelf: Shelf) -> Iterator[dict[str, str]]:
    """The environment of the role, as the page makes it, in this test's database."""
    [[name]] = [list(row.values()) for row in shelf.rows("SELECT current_database()")]
    with shelf.database.transaction() as connection:
        # Every role may make temporary tables in a new database, so nothing would miss the right.
        connection.execute(text(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"))
        for statement in statements_of_page():
            connection.execute(text(statement.replace("DATABASE backend", f"DATABASE {name}")))
    yield {"DATABASE_URL": shelf.settings.require_database_url().set(username=ROLE).render_as_string(False)}
    with shelf.database.transaction() as connection:
        connection.execute(text(f"DROP OWNED BY {ROLE}"))
        connection.execute(text(f"DROP ROLE {ROLE}"))


def as_role(shelf: Shelf) -> Database:
    url = shelf.settings.require_database_url().set(username=ROLE)
    return Database(Settings(database_url=url), "run")


def test_with_the_role_everything_works(
    shelf: Shelf, env: dict[str, str], cache: Cache, role: dict[str, str]
) -> None:
    migrate(shelf.database)
    ids = shelf.put_many(["Known 1", "Known 2", "Stranger", "Various Artists"], canonical="discogs:release:5")
    shelf.run(
        "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) VALUES (:id, 'Known 3', 'One')",
        id=ids[3],
    )
    cache.match("known 1", "album 0", 1, None, 7)
    cache_url = cache.settings.require_database_url_discogs().render_as_string(hide_password=False)
    env = {**env, **role, "IDENTITY_LEGS": "S1,S3", "DATABASE_URL_DISCOGS": cache_url}
    ran = call_here("run", "--json", env=env)
    assert ran.returncode == 0, ran.stderr
    run_id = json.loads(ran.stdout)["run_id"]
    for arguments in (
        ("status", "--json"),
        ("gate", "--json"),
        ("explain", str(ids[0]), "--json"),
        ("rows", "--json"),
        ("changes", "--run", run_id, "--json"),
        ("dry-run",),
        ("dry-run", "--leg", "S1"),
        ("replay", "--json"),
        ("correct", str(ids[0]), "--none", "--json"),
        ("held", "--json"),
        ("unwind", "--library-id", str(ids[0]), "--yes", "--json"),
        ("unwind", "--notes", "backfill:S1", "--yes", "--json"),
        ("unwind", "--run", run_id, "--and-later", "--yes", "--json"),
    ):
        ended = call_here(*arguments, env=env)
        assert ended.returncode == 0, (arguments, ended.stderr, ended.stdout)
    shelf.age(30)
    again = call_here("run", env=env)
    assert again.returncode == 0, again.stderr


def test_the_page_grants_all_that_the_code_looks_for(shelf: Shelf, role: dict[str, str]) -> None:
    assert role
    with as_role(shelf) as database:
        database.require_rights()


def granted(shelf: Shelf) -> list[tuple[str, str]]:
    """Each right of the role on a table, as the name of the table and the right."""
    rows = shelf.rows(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = :role "
        "AND table_name <> 'changed_row' ORDER BY 1, 2",
        role=ROLE,
    )
    return [(row["table_name"], row["privilege_type"]) for row in rows]


def test_without_any_one_of_its_rights_a_run_does_nothing_and_names_it(
    shelf: Shelf, role: dict[str, str]
) -> None:
    assert role
    [[database_name]] = [list(row.values()) for row in shelf.rows("SELECT current_database()")]
    columns = (
        "track_artist_id",
        "track_artist_link_confidence",
        "track_artist_link_method",
        "track_position",
    )
    sequence = "wxyc_schema.library_identity_history_history_id_seq"
    rights = [
        *(
            (f"{right} ON {table}", f"{right} on (identity_assets.)?{table}")
            for table, right in granted(shelf)
        ),
        *(
            (f"UPDATE ({one}) ON compilation_track_artist", rf"UPDATE \({one}\) on compilation_track_artist")
            for one in columns
        ),
        *(
            (f"USAGE ON SCHEMA {one}", f"USAGE on the schema {one}")
            for one in ("wxyc_schema", "identity_assets")
        ),
        (f"TEMPORARY ON DATABASE {database_name}", "TEMPORARY on the database"),
        (f"USAGE ON SEQUENCE {sequence}", f"USAGE on the sequence {sequence}"),
    ]
    assert len(rights) > 50
    with as_role(shelf) as database:
        for right, said in rights:
            shelf.run(f"REVOKE {right} FROM {ROLE}")
            with pytest.raises(MissingRightsError, match=f"lacks {said}") as raised:
                database.require_rights()
            assert "\n" not in str(raised.value)
            # Without a schema nothing in it is found: only the schema is named.
            assert raised.value.args[0].count(" on ") == 1, raised.value
            shelf.run(f"GRANT {right} TO {ROLE}")
        database.require_rights()


@pytest.mark.parametrize(
    ("right", "arguments", "said"),
    [
        ("INSERT ON library_identity_source", ("run",), "lacks INSERT on library_identity_source"),
        (
            "DELETE ON identity_assets.journal_image",
            ("replay",),
            "lacks DELETE on identity_assets.journal_image",
        ),
        (
            "UPDATE ON library_identity",
            ("unwind", "--library-id", "1", "--yes"),
            "lacks UPDATE on library_identity",
        ),
        (
            "INSERT ON identity_assets.correction",
            ("correct", "1", "--none"),
            "INSERT on identity_assets.correction",
        ),
        (
            "DELETE ON library_identity_source",
            ("reject", "1"),
            "lacks DELETE on library_identity_source",
        ),
        (
            "UPDATE ON identity_assets.lml_verdict_state",
            ("held", "--drop", "--yes"),
            "lacks UPDATE on identity_assets.lml_verdict_state",
        ),
        (
            "INSERT ON identity_assets.leg_evidence",
            ("run",),
            "lacks INSERT on identity_assets.leg_evidence",
        ),
        (
            "UPDATE ON identity_assets.leg_filled",
            ("unwind", "--notes", "backfill:S1", "--yes"),
            "lacks UPDATE on identity_assets.leg_filled",
        ),
        ("SELECT ON library", ("dry-run", "--leg", "S1"), "permission denied for table library"),
        ("INSERT ON identity_assets.journal_chunk", ("migrate",), "must be owner"),
        ("INSERT ON identity_assets.journal_chunk", ("migrate", "--down", "--yes"), "lacks INSERT on"),
        ("SELECT ON library", ("gate",), "permission denied for table library"),
        ("SELECT ON library", ("status",), "permission denied for table library"),
        ("SELECT ON library", ("explain", "1"), "permission denied for table library"),
        ("SELECT ON identity_assets.decided", ("rows",), "permission denied for view decided"),
        ("SELECT ON library_unresolved", ("dry-run",), "permission denied for table library_unresolved"),
        ("USAGE ON SCHEMA wxyc_schema", ("status",), "lacks USAGE on the schema wxyc_schema"),
        ("USAGE ON SCHEMA identity_assets", ("run",), "lacks USAGE on the schema identity_assets"),
        ("CONNECT ON DATABASE", ("run",), "permission denied for database"),
    ],
)
def test_a_command_without_a_right_ends_in_one_line(
    shelf: Shelf, env: dict[str, str], role: dict[str, str], right: str, arguments: tuple[str, ...], said: str
) -> None:
    shelf.put("Known 1", canonical="discogs:release:5")
    env = {**env, "IDENTITY_LEGS": "S1"}
    assert call_here("run", env={**env, **role}).returncode == 0
    # There is an answer to decide about.
    shelf.run("UPDATE lml_verdict_state SET held_at = now(), held_run_id = 'a run', applied_at = NULL")
    [[name]] = [list(row.values()) for row in shelf.rows("SELECT current_database()")]
    shelf.age(30)
    shelf.run(f"REVOKE {right.replace('DATABASE', f'DATABASE {name}')} FROM {ROLE}")
    ended = call_here(*arguments, env={**env, **role})
    assert ended.returncode in {1, 2}
    lines = [line for line in ended.stderr.splitlines() if line.startswith("identity-assets: ")]
    assert len(lines) == 1, ended.stderr
    assert said in lines[0]
    assert "Traceback" not in ended.stderr
    assert "[SQL" not in ended.stderr
