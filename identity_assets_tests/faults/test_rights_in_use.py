"""The role of docs/least-privilege.md has no right that no command uses.

Each right is taken away, and nothing looks for it before the work begins. Then a command must fail and name it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from identity_assets_tests.conftest import administer
from identity_assets_tests.faults.conftest import Stage
from identity_assets_tests.faults.harness import Ended
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.test_least_privilege import ROLE, statements_of_page

THIS_ROLE = "rights_in_use"
DEEDS = (
    *("run", "unwind a run", "reject", "correct", "accept held answers", "unwind by notes", "unwind a leg"),
    *("replay", "correct to none", "reject a source", "drop held answers"),
)
LOOKING = (("status",), ("gate",), ("rows",), ("explain", "4"), ("dry-run",))
RIGHTS = """
    SELECT privilege_type || ' ON ' || table_schema || '.' || table_name AS held
    FROM information_schema.role_table_grants
    WHERE grantee = :role
    UNION
    SELECT privilege_type || ' (' || column_name || ') ON ' || table_schema || '.' || table_name
    FROM information_schema.role_column_grants
    WHERE grantee = :role AND privilege_type = 'UPDATE' AND table_name = 'compilation_track_artist'
    UNION
    SELECT 'USAGE ON SEQUENCE ' || object_schema || '.' || object_name
    FROM information_schema.role_usage_grants
    WHERE grantee = :role
    UNION
    SELECT 'USAGE ON SCHEMA ' || nspname FROM pg_namespace WHERE nspname IN ('wxyc_schema', 'identity_assets')
    UNION
    SELECT held || ' ON DATABASE ' || current_database() FROM unnest(ARRAY['CONNECT', 'TEMPORARY']) AS held
    ORDER BY 1
"""


@pytest.fixture
def role(stage: Stage) -> Iterator[str]:
    administer(stage.postgres, "CREATE ROLE {} LOGIN", THIS_ROLE)
    yield THIS_ROLE
    administer(stage.postgres, "DROP ROLE {}", THIS_ROLE)


@contextmanager
def granted(
    stage: Stage, branch: str, role: str, without: str | None = None, more: str | None = None
) -> Iterator[Shelf]:
    """A copy of what this deed begins with, with the rights of the page, but for one, or one more."""
    with stage.of(branch) as shelf:
        database = shelf.settings.require_database_url().database
        shelf.run(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        for statement in statements_of_page():
            if not statement.startswith("CREATE ROLE"):
                shelf.run(statement.replace("DATABASE backend", f"DATABASE {database}").replace(ROLE, role))
        if more is not None:
            shelf.run(f"GRANT {more} TO {role}")
        if without is not None:
            shelf.run(f"REVOKE {without.replace('DATABASE backend', f'DATABASE {database}')} FROM {role}")
        yield shelf


def do(stage: Stage, branch: str, shelf: Shelf, role: str, arguments: Sequence[str] = ()) -> Ended:
    deed = stage.deed(branch, shelf)
    url = shelf.settings.require_database_url().set(username=role).render_as_string(hide_password=False)
    return stage.victim.run(arguments or deed.arguments, {**deed.env, "DATABASE_URL": url}, blind=True)


def complaints(stage: Stage, role: str, without: str | None = None, more: str | None = None) -> Iterator[str]:
    """Every line in which a command says that the role lacks a right."""
    for branch in DEEDS:
        said: list[str] = []
        with granted(stage, branch, role, without, more) as shelf:
            for arguments in (*(LOOKING if branch == "unwind a run" else ()), ()):
                said += do(stage, branch, shelf, role, arguments).output.splitlines()
        yield from (line for line in said if "permission denied" in line)


def is_used(stage: Stage, role: str, right: str, more: str | None = None) -> bool:
    """Whether some command fails without this right, and names what it is about."""
    name = re.split(r"[ .]", right)[-1].replace("backend", "database")
    return any(name in line for line in complaints(stage, role, right, more))


def rights_of_page(stage: Stage, role: str) -> list[str]:
    """Each right of the page, in the words of GRANT."""
    with granted(stage, "run", role) as shelf:
        name = str(shelf.settings.require_database_url().database)
        return [row["held"].replace(name, "backend") for row in shelf.rows(RIGHTS, role=role)]


@pytest.mark.faults
def test_with_all_its_rights_no_command_lacks_one(stage: Stage, role: str) -> None:
    assert list(complaints(stage, role)) == []


@pytest.mark.faults
def test_no_right_of_the_role_is_without_use(stage: Stage, role: str) -> None:
    found = rights_of_page(stage, role)
    assert len(found) > 70
    assert [right for right in found if not is_used(stage, role, right)] == []


@pytest.mark.faults
def test_a_right_that_no_command_uses_is_found(stage: Stage, role: str) -> None:
    superfluous = "UPDATE ON wxyc_schema.library_identity_history"
    assert not is_used(stage, role, superfluous, more=superfluous)
