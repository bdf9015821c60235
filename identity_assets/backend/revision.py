"""At which revision of this project's tables and functions a database is. Every command asks.

`migrate` alone needs Alembic.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, text

from identity_assets.backend.database import OWN_SCHEMA, Database, DatabaseError

NEWEST = "0001"
"""The newest of the revisions in migrations/. A test holds it."""

VERSION_TABLE = f"{OWN_SCHEMA}.alembic_version"


def function_files() -> Iterator[str]:
    """The text of each function and view, in the order in which they are made (schema.sql)."""
    folder = Path(__file__).parent
    schema = (folder / "schema.sql").read_text(encoding="utf-8")
    for name in re.findall(r"^\\ir (\S+)$", schema, re.MULTILINE):
        yield (folder / name).read_text(encoding="utf-8")


def functions_note() -> str:
    """The comment on the table alembic_version: which functions and views `migrate` has made."""
    return (
        f"The functions and views are those of {sha256(''.join(function_files()).encode()).hexdigest()[:16]}"
    )


def revision_of(connection: Connection) -> str | None:
    """The revision at which the database is; None if it was never migrated.

    Raises:
        DatabaseError: alembic_version names more than one revision.
    """
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": VERSION_TABLE}).scalar_one() is None:
        return None
    revisions = (
        connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE} ORDER BY version_num"))
        .scalars()
        .all()
    )
    if len(revisions) > 1:
        raise DatabaseError(
            f"{VERSION_TABLE} names {len(revisions)} revisions ({', '.join(revisions)}), but this project writes "
            "only one: somebody else changed it. Delete all rows but that of the revision that made the tables. "
            "Nothing was done"
        )
    return revisions[0] if revisions else None


def require_migrated(database: Database) -> None:
    """Refuse to work on a database that is not at the newest revision, or that has functions of another version.

    Raises:
        DatabaseError: names the revision that stands there, and the command that mends it; or a schema in which the
            role may not look.
    """
    with database.transaction() as connection:
        database.require_schemas(connection)
        current = revision_of(connection)
        note = connection.execute(
            text("SELECT obj_description(to_regclass(:name), 'pg_class')"), {"name": VERSION_TABLE}
        ).scalar_one()
    if current != NEWEST:
        raise DatabaseError(
            f"the database is at revision {current or 'none'} of this project's tables, not {NEWEST}: "
            "run `identity-assets migrate`"
        )
    if note != functions_note():
        raise DatabaseError(
            "the functions in the database are those of another version of this project: "
            "run `identity-assets migrate`"
        )
