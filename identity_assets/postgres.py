"""What every PostgreSQL that we talk to has in common: statements in files, and errors in one line.

Backend's database belongs in backend/database.py, the discogs-cache in legs/discogs_cache.py.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError

# SQLSTATE classes about the row that is being written: bad data, a violated constraint, a raising trigger, a value
# too large for an index. Every other class is about the server, and fails the step.
ROW_FAULTS = ("22", "23", "P0", "54")
TRY_AGAIN = ("40", "55P03")


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five-character code; empty where the connection itself was lost."""
    return getattr(error.orig, "pgcode", None) or ""


def is_row_fault(error: DBAPIError) -> bool:
    """Whether the database refused a value, so that it would accept the other rows of the chunk."""
    return sqlstate(error).startswith(ROW_FAULTS)


def is_worth_retrying(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed a moment later: a deadlock, or a lock that was held too long."""
    return sqlstate(error).startswith(TRY_AGAIN)


def first_line(error: BaseException) -> str:
    """What the database said, on one line and without the statement and its parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split())[:300]


def statements(module_file: str) -> Callable[[str], TextClause]:
    """A function that reads the statements in the `.sql` files beside the module: `_sql = statements(__file__)`.

    A test finds each `.sql` file used exactly once, in a module of its own folder.
    """
    folder = Path(module_file).parent

    @cache
    def read(name: str) -> TextClause:
        return text((folder / name).read_text(encoding="utf-8"))

    return read
