"""What a run changed, library row by library row, as the journal and the tables still know it.

The same in advance is preview/changes.py, whose records and comparison this module shares.
"""

from collections.abc import Iterator

from identity_assets.backend.database import Database, execute
from identity_assets.backend.preview.changes import Change, change_made
from identity_assets.postgres import statements

PAGE_ROWS = 1000

_sql = statements(__file__)


def changes_of_run(database: Database, run_id: str, *, after: int = 0) -> Iterator[Change]:
    """Each library row that the run wrote, by library_id above `after`. The run is in the journal for UNWIND_DAYS.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    while True:
        with database.transaction() as connection:
            page = (
                execute(connection, _sql("changes_of_run.sql"), run_id=run_id, after=after, rows=PAGE_ROWS)
                .mappings()
                .all()
            )
        if not page:
            return
        yield from (change_made(dict(row)) for row in page)
        after = page[-1]["library_id"]
