"""What a run changed, library row by library row, as the journal and the tables still know it.

The same in advance is preview/changes.py, whose records and comparison this module shares.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from identity_assets.backend.database import Database, execute
from identity_assets.backend.preview.changes import Change, change_made
from identity_assets.postgres import statements

PAGE_ROWS = 1000

_sql = statements(__file__)


def changes_of_run(database: Database, run_id: str) -> Iterator[Change]:
    """Each library row that the run wrote, by library_id. The run is in the journal for UNWIND_DAYS.

    All of them are read as they are at one moment: an unwind that begins meanwhile changes nothing here.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    after = 0
    with database.snapshot() as connection:
        while page := _page(connection, run_id, after):
            yield from map(change_made, page)
            after = page[-1]["library_id"]


def _page(connection: Connection, run_id: str, after: int) -> list[dict[str, Any]]:
    found = execute(connection, _sql("changes_of_run.sql"), run_id=run_id, after=after, rows=PAGE_ROWS)
    return list(map(dict, found.mappings()))
