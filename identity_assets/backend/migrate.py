"""Brings this project's own tables up to date in a Backend database. Backend's tables are never made here."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from identity_assets.backend.database import OWN_SCHEMA, Database, DatabaseError, missing_tables

BACKEND_TABLES = (
    "artists",
    "library",
    "library_identity",
    "library_identity_source",
    "library_identity_history",
    "compilation_track_artist",
)


def _config(connection: Connection) -> Config:
    """Alembic's configuration: the scripts of the wheel, or of the checkout that an editable install points at."""
    package = Path(__file__).parents[1]
    in_wheel = package / "_migrations"
    config = Config()
    config.set_main_option(
        "script_location", str(in_wheel if in_wheel.exists() else package.parent / "migrations")
    )
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table_schema": OWN_SCHEMA}
    ).get_current_revision()


def migrate(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrate to `revision` (`base` takes everything down again); the revision before, and the one after.

    Raises:
        DatabaseError: Backend's own tables are not all there.
    """
    with database.transaction() as connection:
        missing = missing_tables(connection, BACKEND_TABLES)
        if missing:
            raise DatabaseError(
                f"this is not a Backend database: its schema lacks {', '.join(missing)}. These tables are made by "
                "Backend's own migrations: check DATABASE_URL and WXYC_SCHEMA_NAME. Nothing was changed"
            )
        before = _revision(connection)
        config = _config(connection)
        (command.downgrade if revision == "base" else command.upgrade)(config, revision)
        return before, _revision(connection)


def require_migrated(database: Database) -> None:
    """Refuse to work on a database that is not at the newest revision.

    Raises:
        DatabaseError: names the revision that stands there, and the command that mends it.
    """
    with database.transaction() as connection:
        current = _revision(connection)
        head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    if current != head:
        raise DatabaseError(
            f"the database is at revision {current or 'none'} of this project's tables, not {head}: "
            "run `identity-assets migrate`"
        )
