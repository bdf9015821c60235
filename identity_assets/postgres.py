"""What every PostgreSQL that we talk to has in common: statements in files, and errors in one line.

Backend's database belongs in backend/database.py, the discogs-cache in legs/discogs_cache.py.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError

from identity_assets.clean_text import one_line

# SQLSTATE classes about the row that is being written: bad data, a violated constraint, a raising trigger, a value
# too large for an index. Every other class is about the server, and fails the step.
ROW_FAULTS = ("22", "23", "P0", "54")
TRY_AGAIN = ("40", "55P03")


_EVERY_SESSION = {
    # PostgreSQL would compile each of our larger statements, in each session anew, and save nothing by it: a run took
    # five times as long.
    "jit": "off",
    # A table of a million rows, hashed for a join, fits in twice this. With the default of 4 MB it goes to the disk.
    "work_mem": "64MB",
}


def begin_session(dbapi_connection: Any, settings: Mapping[str, str]) -> None:
    """Give a new connection its settings, until it ends; more work_mem than ours stays. One statement."""
    everything = {**_EVERY_SESSION, **settings}
    with dbapi_connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s, %s) AS setting (name, value) "
            "WHERE name <> 'work_mem' OR pg_size_bytes(current_setting(name)) < pg_size_bytes(value)",
            (list(everything), list(everything.values())),
        )
    dbapi_connection.commit()


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five-character code; empty where the connection itself was lost."""
    return getattr(error.orig, "pgcode", None) or ""


def is_row_fault(error: DBAPIError) -> bool:
    """Whether the database refused a value: it would accept the other rows of the chunk."""
    return sqlstate(error).startswith(ROW_FAULTS)


def is_worth_retrying(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed a moment later: a deadlock, or a lock that was held too long."""
    return sqlstate(error).startswith(TRY_AGAIN)


# What to do, by the beginning of the SQLSTATE. The longest one that fits counts.
_REMEDIES = {
    "": "check the server, then run again",
    "08": "check DATABASE_URL and the server, then run again",
    "25006": "the server or the role is read only: give a server that can be written to",
    "28": "check the user and the password in DATABASE_URL",
    "3D000": "check the name of the database in DATABASE_URL",
    "3F000": "check WXYC_SCHEMA_NAME",
    "40": "another session was in the way: run again",
    "42501": "the role in DATABASE_URL lacks this right: docs/least-privilege.md lists the rights that it needs",
    "42703": "a column is missing: run `identity-assets migrate`, or see what changed in Backend's tables",
    "42883": "a function is missing: run `identity-assets migrate`",
    "42P01": "a table is missing: run `identity-assets migrate`, and check WXYC_SCHEMA_NAME",
    "53": "the server is out of disk, memory or connections: give it more, then run again",
    "55P03": "another session holds a lock for longer than lock_timeout: see pg_stat_activity, then run again",
    "57014": "the server cancelled the statement: raise statement_timeout of the role, or leave it to the session",
    "57P": "the server was shut down or ended the session: run again when it is up",
    "58": "the server has a system error: see its log",
    "XX": "run again: `identity-assets migrate` may just have replaced a function; if it stays, see the server's log",
}


def failure_sentence(error: DBAPIError) -> str:
    """What the database said, its SQLSTATE and what to do, on one line; neither the statement nor its parameters."""
    state = sqlstate(error)
    remedy = _REMEDIES[max((one for one in _REMEDIES if state.startswith(one)), key=len)]
    code = f" (SQLSTATE {state})" if state else ""
    return f"PostgreSQL said: {primary_message(error)}{code}. What was committed stands; {remedy}"


# What libpq says if the two sides do not agree on TLS, or the client does not trust the server's certificate.
_TLS_REFUSED = re.compile(r"^connection to server .* failed: .*(?:SSL|certificate|encryption)")


def what_to_check(error: DBAPIError, variable: str) -> str:
    """The part of the address in `variable` that a person checks if no connection can be made."""
    is_about_tls = _TLS_REFUSED.search(first_line(error)) is not None
    return f"sslmode and sslrootcert in {variable}" if is_about_tls else variable


def primary_message(error: DBAPIError) -> str:
    """What the database said, without the values of a row and without an excerpt of the statement."""
    diagnosis = getattr(error.orig, "diag", None)
    return one_line(str(getattr(diagnosis, "message_primary", None) or first_line(error)))


def first_line(error: BaseException) -> str:
    """What the database said, on one line and without the statement and its parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return one_line(str(cause))


def statements(module_file: str) -> Callable[[str], TextClause]:
    """A function that reads the statements in the `.sql` files beside the module: `_sql = statements(__file__)`.

    A test finds each `.sql` file used exactly once, in a module of its own folder.
    """
    folder = Path(module_file).parent

    @cache
    def read(name: str) -> TextClause:
        return text((folder / name).read_text(encoding="utf-8"))

    return read
