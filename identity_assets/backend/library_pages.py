"""The library as the legs read it, a page of rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from identity_assets.backend.database import Database, execute
from identity_assets.evidence import LibraryRow
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements

_sql = statements(__file__)


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A transaction in which nothing can be written."""
    with database.transaction() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        yield connection


def library_pages(
    database: Database, buckets: Buckets, rows: int, *, canonical_only: bool = False
) -> Iterator[list[LibraryRow]]:
    """The library rows of these partitions in library_id order, so many at a time.

    `canonical_only`: those with a canonical_entity_id.
    """
    after = 0
    while True:
        with reading(database) as connection:
            found = execute(
                connection,
                _sql("library_page.sql"),
                **buckets.params(),
                after=after,
                rows=rows,
                canonical_only=canonical_only,
            )
            page = [LibraryRow._make(row) for row in found.all()]
        if not page:
            return
        yield page
        after = page[-1].library_id
