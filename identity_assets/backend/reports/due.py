"""Whether one library row is due, why, and until when.

The rule is functions/due_library.sql; here its row becomes a record. Many rows are selected by ledger/candidates.py.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from identity_assets.backend.database import execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.postgres import statements
from identity_assets.settings import Scope, Settings

_sql = statements(__file__)


class DueWhy(StrEnum):
    """Why a row is due (the first six are the ledger's reasons), or why it is not."""

    never_asked = "never_asked"
    names_changed = "names_changed"
    invalid_retry_due = "invalid_retry_due"
    retry_due = "retry_due"
    stale = "stale"
    asked_again = "asked_again"
    not_in_scope = "not_in_scope"
    manual = "manual"
    decided_none = "decided_none"
    answer_held = "answer_held"
    resolved_in_window = "resolved_in_window"
    unresolved_in_window = "unresolved_in_window"
    compilation_in_window = "compilation_in_window"
    resolved_compilation_in_window = "resolved_compilation_in_window"
    invalid_in_window = "invalid_in_window"
    rejected_in_window = "rejected_in_window"
    no_artist_name = "no_artist_name"


@dataclass(frozen=True)
class Due:
    """Whether the selection takes the row in one scope, by "Which rows are due" in docs/rules.md.

    `since` is the moment from which a due row is due, `until` the moment from which another row will be due; None if
    there is none. `decided_at` is the verification, the attempt or the question that the window is counted from.
    `answer_stored`: the next run applies the stored answer and does not ask LML. `counts_from_future`: `decided_at`
    has not come yet, so a clock was wrong, or somebody set that time.
    """

    scope: Scope
    is_due: bool
    why: DueWhy
    since: datetime | None = None
    until: datetime | None = None
    decided_at: datetime | None = None
    answer_stored: bool = False
    counts_from_future: bool = False


@dataclass(frozen=True)
class DueFacts:
    """One row of due_library, read at `read_at`. After `answer_until` a stored answer is too old to be applied."""

    read_at: datetime
    in_canonical_scope: bool
    has_no_artist: bool
    is_manual: bool
    last_verified_at: datetime | None
    attempt_kind: str | None
    attempted_at: datetime | None
    names_changed: bool
    reason: str | None
    decided_at: datetime | None
    due_from: datetime | None
    is_due: bool
    verified_at: datetime | None
    answer_kind: str | None
    answer_until: datetime | None
    is_answered: bool
    decision: str | None
    is_held: bool


def read_due_facts(connection: Connection, settings: Settings, library_id: int) -> DueFacts:
    """What the rule says about this library row, which must exist."""
    found = execute(connection, _sql("explain_due.sql"), library_id=library_id, **windows(settings))
    return DueFacts(**found.mappings().one())


def due_in(facts: DueFacts, scope: Scope) -> Due:
    """Whether the row is due in one scope, and why."""
    if scope is Scope.canonical and not facts.in_canonical_scope:
        return Due(scope, is_due=False, why=DueWhy.not_in_scope)
    if facts.reason is None:
        return _up_to_a_person(facts, scope)
    if not facts.is_due:
        why = _window(facts)
        return Due(
            scope,
            is_due=False,
            why=why,
            until=facts.due_from,
            decided_at=facts.decided_at,
            counts_from_future=facts.decided_at is not None and facts.decided_at > facts.read_at,
        )
    if facts.has_no_artist:
        return Due(scope, is_due=False, why=DueWhy.no_artist_name)
    return Due(
        scope,
        is_due=True,
        why=DueWhy(facts.reason),
        since=facts.due_from,
        decided_at=facts.decided_at,
        answer_stored=facts.is_answered,
    )


def _up_to_a_person(facts: DueFacts, scope: Scope) -> Due:
    if facts.is_held:
        return Due(scope, is_due=False, why=DueWhy.answer_held, decided_at=facts.decided_at)
    is_none = facts.decision == "none" and not facts.is_manual
    return Due(scope, is_due=False, why=DueWhy.decided_none if is_none else DueWhy.manual)


def _window(facts: DueFacts) -> DueWhy:
    """The window that has not ended, by the moment that it is counted from."""
    if facts.reason == DueWhy.invalid_retry_due:
        return DueWhy.invalid_in_window
    if facts.decision == "rejected" and facts.decided_at not in (facts.last_verified_at, facts.attempted_at):
        return DueWhy.rejected_in_window
    if facts.decided_at == facts.last_verified_at:
        return DueWhy.resolved_in_window
    if facts.decided_at == facts.verified_at:
        return DueWhy.resolved_compilation_in_window
    return DueWhy(f"{facts.attempt_kind}_in_window")
