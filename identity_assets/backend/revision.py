"""At which revision of this project's tables a database is. Every command asks; `migrate` alone needs Alembic."""

from sqlalchemy import Connection, text

from identity_assets.backend.database import OWN_SCHEMA, Database, DatabaseError

NEWEST = "0001"
"""The newest of the revisions in migrations/. A test holds it."""


def revision_of(connection: Connection) -> str | None:
    """The revision at which the database is; None if it was never migrated."""
    table = f"{OWN_SCHEMA}.alembic_version"
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar_one() is None:
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar_one_or_none()


def require_migrated(database: Database) -> None:
    """Refuse to work on a database that is not at the newest revision.

    Raises:
        DatabaseError: names the revision that stands there, and the command that mends it; or a schema in which the
            role may not look.
    """
    with database.transaction() as connection:
        database.require_schemas(connection)
        current = revision_of(connection)
    if current != NEWEST:
        raise DatabaseError(
            f"the database is at revision {current or 'none'} of this project's tables, not {NEWEST}: "
            "run `identity-assets migrate`"
        )
