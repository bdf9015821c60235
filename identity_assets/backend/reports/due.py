"""Whether one library row is due, why, and until when: the rules of select_candidates.sql for a single row.

The selection itself, of many rows at once, is candidates.py's; a property test holds the two together.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, RowMapping

from identity_assets.backend.database import execute
from identity_assets.settings import Scope, Settings


class DueWhy(StrEnum):
    """Why a row is due (the first three are the ledger's reasons), or why it is not."""

    never_asked = "never_asked"
    retry_due = "retry_due"
    stale = "stale"
    not_in_scope = "not_in_scope"
    manual = "manual"
    resolved_in_window = "resolved_in_window"
    unresolved_in_window = "unresolved_in_window"
    compilation_in_window = "compilation_in_window"
    no_artist_name = "no_artist_name"


@dataclass(frozen=True)
class Due:
    """Whether the selection takes the row in one scope, by "Which rows are due" in DOMAIN.md.

    `since` is when a due row became so, `until` when one that is not will be; None where that is never, or was
    always so. `decided_at` is the verification or the attempt that the window runs from. `answer_stored`: it
    would be selected with the answer that is stored, and LML not asked.
    """

    scope: Scope
    is_due: bool
    why: DueWhy
    since: datetime | None = None
    until: datetime | None = None
    decided_at: datetime | None = None
    answer_stored: bool = False


def due_facts(connection: Connection, settings: Settings, library_id: int) -> RowMapping:
    """The selection's conditions for this row, each by itself; the row has to be there."""
    found = execute(
        connection,
        "explain_due",
        library_id=library_id,
        stale_threshold_days=settings.stale_threshold_days,
        unresolved_retry_days=settings.unresolved_retry_days,
    )
    return found.mappings().one()


def due_in(facts: RowMapping, scope: Scope) -> Due:
    """The selection's verdict in one scope; of two windows that run, the one that ends last is the reason."""
    if scope is Scope.canonical and not facts["has_canonical_entity_id"]:
        return Due(scope, is_due=False, why=DueWhy.not_in_scope)
    if facts["is_manual"]:
        return Due(scope, is_due=False, why=DueWhy.manual)
    windows = _windows(facts)
    running = [window for window in windows if window.is_running]
    if running:
        last = max(running, key=lambda window: window.ends)
        return Due(scope, is_due=False, why=last.why, until=last.ends, decided_at=last.began)
    if facts["has_no_artist"]:
        return Due(scope, is_due=False, why=DueWhy.no_artist_name)
    return Due(
        scope,
        is_due=True,
        why=_due_reason(facts),
        since=max((window.ends for window in windows), default=None),
        decided_at=max((window.began for window in windows), default=None),
        answer_stored=_has_usable_answer(facts),
    )


@dataclass(frozen=True)
class _Window:
    """A time in which a row is not asked about, and what it runs from."""

    why: DueWhy
    began: datetime
    ends: datetime
    is_running: bool


def _windows(facts: RowMapping) -> list[_Window]:
    windows = []
    if facts["has_main_row"]:
        windows.append(
            _Window(
                DueWhy.resolved_in_window,
                facts["last_verified_at"],
                facts["stale_from"],
                facts["is_verified_in_window"],
            )
        )
    if facts["attempt_kind"] is not None:
        windows.append(
            _Window(
                DueWhy(f"{facts['attempt_kind']}_in_window"),
                facts["attempted_at"],
                facts["retry_from"],
                facts["is_attempted_in_window"],
            )
        )
    return windows


def _due_reason(facts: RowMapping) -> DueWhy:
    if facts["has_main_row"]:
        return DueWhy.stale
    return DueWhy.never_asked if facts["attempt_kind"] is None else DueWhy.retry_due


def _has_usable_answer(facts: RowMapping) -> bool:
    return bool(
        facts["has_answer_to_apply"] and facts["has_answer_for_these_names"] and facts["has_answer_in_window"]
    )
