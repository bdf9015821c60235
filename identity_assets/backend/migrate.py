"""Brings this project's own tables, functions and views up to date in a Backend database.

Backend's tables are never made here. Alembic's revisions hold tables; functions and views are made again each time.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from identity_assets.backend.database import (
    OWN_SCHEMA,
    Database,
    DatabaseError,
    execute,
    lock_out_runs,
    missing_tables,
)
from identity_assets.backend.revision import (
    NEWEST,
    VERSION_TABLE,
    function_files,
    functions_note,
    revision_of,
)
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import MAX_PARTITIONS

BACKEND_TABLES = (
    "artists",
    "library",
    "library_identity",
    "library_identity_source",
    "library_identity_history",
    "compilation_track_artist",
)
ONE_OF_OUR_TABLES = f"{OWN_SCHEMA}.lml_verdict"
# A run may have been started with another LIBRARY_PARTITIONS than this process.
EVERY_PARTITION = Buckets(MAX_PARTITIONS, tuple(range(MAX_PARTITIONS)))

_sql = statements(__file__)


def _config(connection: Connection) -> Config:
    """Alembic's configuration: the scripts of the wheel, or of the checkout that an editable install points at."""
    package = Path(__file__).parents[1]
    in_wheel = package / "_migrations"
    config = Config()
    folder = in_wheel if in_wheel.exists() else package.parent / "migrations"
    # Alembic's configuration takes a % for the start of a variable.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _known_revisions(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def migrate(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrate to `revision` (`base` takes everything down again); the revision before, and the one after.

    Functions and views are dropped first and, unless everything is taken down, made again at the end, all in one
    transaction.

    Two migrations of one schema wait for each other. A run would lose the functions that it calls, so none may work,
    not even one that has lost its locks.

    Raises:
        PartitionsBusyError: a run works on a partition; nothing was done.
        DatabaseError: Backend's own tables are not all there, or alembic_version does not say at which one known
            revision the database is.
    """
    with database.transaction() as connection:
        execute(connection, _sql("lock_migrations.sql"))
        missing = missing_tables(connection, BACKEND_TABLES)
        if missing:
            raise DatabaseError(
                f"this is not a Backend database: its schema lacks {', '.join(missing)}. These tables are made by "
                "Backend's own migrations: check DATABASE_URL and WXYC_SCHEMA_NAME. Nothing was changed"
            )
        before = revision_of(connection)
        if before is None and not missing_tables(connection, [ONE_OF_OUR_TABLES]):
            raise DatabaseError(
                f"{VERSION_TABLE} names no revision, but the tables of this project exist: somebody "
                "else emptied it. Restore it from a dump, or insert the revision that made the tables "
                f"(version_num, newest {NEWEST}). Nothing was changed"
            )
        config = _config(connection)
        if before is not None and before not in _known_revisions(config):
            raise DatabaseError(
                f"the database is at revision {before} of this project's tables, which this version does not know: "
                "another version migrated it. Use that version, or begin with a fresh database. Nothing was changed"
            )
        if before is not None:
            lock_out_runs(connection, EVERY_PARTITION)
        drop_functions_and_views(connection)
        if revision == "base":
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)
            make_functions_and_views(connection)
        return before, revision_of(connection)


def take_down(database: Database) -> tuple[str | None, str | None]:
    """Remove everything that `migrate` made; the revision before, and None.

    Raises:
        MissingRightsError: the role lacks a right to write.
        PartitionsBusyError: a run works on a partition; nothing was done.
    """
    database.require_rights()
    return migrate(database, "base")


def drop_functions_and_views(connection: Connection) -> None:
    """Drop every function and view of this project's schema, also those that no file makes any more."""
    for statement in execute(connection, _sql("functions_and_views.sql")).scalars().all():
        connection.execute(text(statement))


def make_functions_and_views(connection: Connection) -> None:
    """Make all functions and views, and note which they are."""
    for one in function_files():
        # Not text(): a colon in these files is a colon.
        connection.exec_driver_sql(one.replace("%", "%%"))
    connection.exec_driver_sql(f"COMMENT ON TABLE {VERSION_TABLE} IS '{functions_note()}'")
