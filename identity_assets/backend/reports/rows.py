"""Library rows by state, outcome or artist: why each is due or not, and LML's last answer.

One row in full is story.py; how the rows are printed belongs in terminal/rows_report.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.backend.reports.due import Due, DueFacts, due_in
from identity_assets.postgres import statements
from identity_assets.settings import Settings

DECISION_COLUMNS = (
    *(
        "decision",
        "source",
        "wikidata",
        "spotify",
        "apple_music",
        "discogs_artist",
        "musicbrainz_artist",
        "bandcamp",
    ),
    *("discogs_release", "discogs_master", "by", "note"),
)
"""One decision of a person about a library row, as `correct --csv` reads it."""

FETCHED_ROWS = 2000

_sql = statements(__file__)


class RowState(StrEnum):
    """The states that rows can be listed by. `unresolved` and `truly-unresolved` are the gate's terms (rules.md)."""

    due = "due"
    stale = "stale"
    unresolved = "unresolved"
    truly_unresolved = "truly-unresolved"
    rejected = "rejected"
    manual = "manual"
    held = "held"


@dataclass(frozen=True)
class RowFilter:
    """Which rows to list; None means no restriction. `outcome` is one of the ledger of the current pass."""

    state: RowState | None = None
    outcome: str | None = None
    artist: str | None = None


@dataclass(frozen=True)
class ListedRow:
    """One library row of the list.

    `state` is manual, resolved, fallback_resolved or truly_unresolved. `lml_said` is LML's last answer in a few
    words, empty if LML was never asked. Each of `decisions` has the DECISION_COLUMNS; a row may have several
    rejections.
    """

    library_id: int
    artist_name: str | None
    album_title: str
    state: str
    due: Due
    lml_said: str
    asked_at: datetime | None
    outcome: str | None
    detail: str | None
    decisions: Sequence[Mapping[str, str | None]]

    def as_dict(self) -> dict[str, Any]:
        """One of the rows of `rows --json`."""
        return {
            "library_id": self.library_id,
            "artist_name": self.artist_name,
            "album_title": self.album_title,
            "state": self.state,
            "is_due": self.due.is_due,
            "reason": str(self.due.why),
            "due_since": _iso(self.due.since),
            "due_from": _iso(self.due.until),
            "lml_said": self.lml_said,
            "asked_at": _iso(self.asked_at),
            "outcome": self.outcome,
            "detail": self.detail,
            "decisions": [dict(one) for one in self.decisions],
        }


def all_rows(
    database: Database, settings: Settings, chosen: RowFilter, *, after: int, limit: int | None
) -> Iterator[ListedRow]:
    """The rows that match with a library_id above `after`, in that order; the first `limit` of them, or all.

    They are read once, as they are at one moment, and fetched as they are needed. What is written meanwhile changes
    nothing here.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.snapshot() as connection:
        # The server would plan for the first tenth of a result that is fetched part by part.
        connection.execute(text("SET LOCAL cursor_tuple_fraction = 1"))
        found = execute(
            connection.execution_options(yield_per=FETCHED_ROWS),
            _sql("rows.sql"),
            **windows(settings),
            scope=settings.scope,
            state=chosen.state,
            outcome=chosen.outcome,
            artist=chosen.artist,
            after=after,
            limit=limit,
        )
        for row in found.mappings():
            yield _listed(dict(row), settings)


def _listed(row: Mapping[str, Any], settings: Settings) -> ListedRow:
    facts = DueFacts(**{one.name: row[one.name] for one in fields(DueFacts)})
    return ListedRow(
        library_id=row["library_id"],
        artist_name=row["artist_name"],
        album_title=row["album_title"],
        state=row["state"],
        due=due_in(facts, settings.scope),
        lml_said=_said(row),
        asked_at=row["asked_at"],
        outcome=row["outcome"],
        detail=row["detail"],
        decisions=[{name: one[name] for name in DECISION_COLUMNS} for one in row["decisions"] or ()],
    )


def _said(row: Mapping[str, Any]) -> str:
    """LML's last answer: its kind, method and confidence, and why it counts for nothing if it does."""
    if row["asked_at"] is None:
        return ""
    found = (row["answer_kind"], row["answer_method"], row["answer_confidence"])
    said = " ".join(str(part) for part in found if part not in (None, "null"))
    if row["rejected_reason"] is not None:
        return f"{said or 'no kind'}, set aside: {row['rejected_reason']}"
    return f"{said}, taken back" if row["unwound_at"] is not None else said


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
