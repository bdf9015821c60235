"""The state of the whole library in a few numbers, by one statement: what is known, what is due, what will be due.

How the numbers are shown belongs in terminal/status_screen.py, the gate in gate.py.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.postgres import statements
from identity_assets.settings import Scope, Settings

STATES = (
    "resolved",
    "low_confidence",
    "manual",
    "resolved_compilation",
    "decided_none",
    "unresolved_in_window",
    "compilation_in_window",
    "invalid_in_window",
    "rejected_in_window",
    "answer_held",
    "retry_due",
    "names_changed",
    "invalid_retry_due",
    "asked_again",
    "never_asked",
    "no_artist_name",
)
"""Each library row is in exactly one. Rows in the first three have a main row, rows in the others have none.
`low_confidence` is below 0.70. Of a `resolved_compilation` LML's matcher has seen the tracks; it may be due, as may
rows that have a main row. People decided that the rows in `decided_none` have no identity. The states that are also
reasons are due now, the states `..._in_window` later; `answer_held` waits for a person."""

REASONS = ("never_asked", "names_changed", "retry_due", "invalid_retry_due", "stale", "asked_again")
"""Why a row is due now; the ledger has them under the same names."""

DAYS_AHEAD = 7

_sql = statements(__file__)


@dataclass(frozen=True)
class DueDay:
    """How many library rows that are not due yet become due on one day in UTC."""

    day: date
    rows: int


@dataclass(frozen=True)
class Overview:
    """The library at `read_at`, in library rows. `scope` is the scope of the settings.

    `due_now` maps each scope to the due rows by reason. `next_due` is the rest of today and the seven days after it,
    within `scope`. `answers_held` counts rows with a held answer, also those that have an identity.
    """

    read_at: datetime
    scope: Scope
    library_rows: int
    states: Mapping[str, int]
    answers_held: int
    due_now: Mapping[Scope, Mapping[str, int]]
    next_due: tuple[DueDay, ...]

    def as_dict(self) -> dict[str, Any]:
        """The numbers under the names of `status --json`; days and times are ISO 8601 in UTC."""
        return {
            "read_at": self.read_at.astimezone(UTC).isoformat(),
            "scope": str(self.scope),
            "library_rows": self.library_rows,
            "states": dict(self.states),
            "answers_held": self.answers_held,
            "due_now": {str(scope): dict(reasons) for scope, reasons in self.due_now.items()},
            "next_due": [{"day": one.day.isoformat(), "rows": one.rows} for one in self.next_due],
        }


def read_overview(database: Database, settings: Settings) -> Overview:
    """Count the library by the windows and the scope of `settings`.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.transaction() as connection:
        rows = execute(
            connection,
            _sql("status_rows.sql"),
            **windows(settings),
            days=DAYS_AHEAD,
        ).all()
    read_at = rows[0].read_at if rows else datetime.now(UTC)
    within = {
        Scope.canonical: [row for row in rows if row.in_canonical_scope],
        Scope.full: rows,
    }
    states = _sum_by(rows, lambda row: row.state)
    days = _sum_by(within[settings.scope], lambda row: row.due_in_days)
    return Overview(
        read_at=read_at,
        scope=settings.scope,
        library_rows=states.total(),
        states={state: states[state] for state in STATES},
        answers_held=sum(row.rows for row in rows if row.is_held),
        due_now={scope: _by_reason(some) for scope, some in within.items()},
        next_due=tuple(
            DueDay(read_at.astimezone(UTC).date() + timedelta(days=ahead), days[ahead])
            for ahead in range(DAYS_AHEAD + 1)
        ),
    )


def _by_reason(rows: Iterable[Row[Any]]) -> dict[str, int]:
    counts = _sum_by(rows, lambda row: row.due_reason)
    return {reason: counts[reason] for reason in REASONS}


def _sum_by(rows: Iterable[Row[Any]], key: Callable[[Row[Any]], Any]) -> Counter[Any]:
    counts: Counter[Any] = Counter()
    for row in rows:
        counts[key(row)] += row.rows
    return counts
