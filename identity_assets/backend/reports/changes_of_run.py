"""What a run changed, library row by library row, as the journal and the tables still know it.

The same in advance is preview/changes.py, whose records and comparison this module shares.
"""

from collections.abc import Iterator

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.preview.changes import Change, change_made
from identity_assets.backend.undo.by_run import Group, ranges_of
from identity_assets.postgres import statements

READ_AT_ONCE = 1000

_sql = statements(__file__)


def changes_of_run(database: Database, run_id: str) -> Iterator[Change]:
    """Each library row that the run wrote, by library_id. The run is in the journal for UNWIND_DAYS.

    All of them are read as they are at one moment: an unwind that begins meanwhile changes nothing here.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.snapshot() as connection:
        execute(connection, HASH_JOINS)
        for one in ranges_of(connection, Group((run_id,), None), READ_AT_ONCE):
            found = execute(connection, _sql("changes_of_run.sql"), run_id=run_id, **one.params())
            yield from map(change_made, map(dict, found.mappings().all()))
