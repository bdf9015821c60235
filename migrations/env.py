"""Runs the migrations on Backend's database, in one transaction.

`identity-assets migrate` hands its own connection over; the `alembic` command makes one from the settings.
"""

from alembic import context
from sqlalchemy import Connection, text

from identity_assets.backend.database import Database
from identity_assets.settings import settings

VERSION_SCHEMA = "identity_assets"


def run(connection: Connection) -> None:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
    context.configure(connection=connection, version_table_schema=VERSION_SCHEMA)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(settings(), "migrate").transaction() as connection:
        run(connection)
