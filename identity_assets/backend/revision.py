"""At which revision of this project's tables a database is. Every command asks; `migrate` alone needs Alembic."""

from sqlalchemy import Connection, text

from identity_assets.backend.database import OWN_SCHEMA, Database, DatabaseError

NEWEST = "0001"
"""The newest of the revisions in migrations/. A test holds it."""


def revision_of(connection: Connection) -> str | None:
    """The revision at which the database is; None if it was never migrated.

    Raises:
        DatabaseError: alembic_version names more than one revision.
    """
    table = f"{OWN_SCHEMA}.alembic_version"
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar_one() is None:
        return None
    revisions = (
        connection.execute(text(f"SELECT version_num FROM {table} ORDER BY version_num")).scalars().all()
    )
    if len(revisions) > 1:
        raise DatabaseError(
            f"{table} names {len(revisions)} revisions ({', '.join(revisions)}), but this project writes only one: "
            "somebody else changed it. Delete all rows but that of the revision that made the tables. "
            "Nothing was done"
        )
    return revisions[0] if revisions else None


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
