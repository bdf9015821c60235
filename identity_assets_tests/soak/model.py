"""What must be true of the library after each night, said again in Python and from what happened alone.

It knows the rules of docs/rules.md ("Which rows are due", rule 7, "The gate") and reads no table.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from identity_assets_tests.support import nothing, provenance, single_artist

STALE, RETRY, INVALID = timedelta(days=7), timedelta(days=4), timedelta(days=1)

Kind = Literal["artist", "unresolved", "unvisited", "tracks", "invalid"]
Lie = Literal["invalid", "partial", "unresolved"]


@dataclass(frozen=True)
class Truth:
    """What LML knows of a release: its artist by number, nothing, or the state of its tracks."""

    kind: Kind
    number: int = 0

    @property
    def qid(self) -> str:
        """The Wikidata id of the artist."""
        return f"Q{self.number}"

    def wire(self, library_id: int, lie: Lie | None = None) -> dict[str, Any]:
        """LML's result, or one that is not true or not valid."""
        if lie == "invalid":
            return artist(library_id, 1, confidence=0.2)
        if lie == "unresolved" or self.kind == "unresolved":
            return without_tracks(nothing(library_id))
        if self.kind in {"unvisited", "tracks"}:
            return {
                **nothing(library_id, "compilation"),
                "tracks_attempted": self.kind == "tracks",
                "tracks": [],
            }
        result = artist(library_id, self.number)
        if lie == "partial":
            result["provenance"] = [*result["provenance"], provenance("hearsay", "exact_match", 1.0, "1")]
        return result


def artist(library_id: int, number: int, **changes: Any) -> dict[str, Any]:
    """LML's result about a release of one artist."""
    main = {"wikidata_qid": f"Q{number}", "discogs_artist_id": number}
    found = [
        provenance("discogs", "exact_match", 1.0, str(number)),
        provenance("wikidata", "exact_match", 1.0, f"Q{number}"),
    ]
    return without_tracks(single_artist(library_id, main=main, provenance=found, **changes))


def without_tracks(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "tracks_attempted": None, "tracks": None}


@dataclass
class Answer:
    """LML's latest answer about a row, and what became of it."""

    asked_at: datetime
    names: tuple[str | None, str]
    kind: Kind
    number: int
    wire: Mapping[str, Any]
    is_partial: bool = False
    is_applied: bool = False
    is_held: bool = False
    is_dropped: bool = False
    accepted_at: datetime | None = None


@dataclass
class Main:
    """The main row: who wrote it, what it says, and since when it holds."""

    by: Literal["lml", "leg", "person"]
    says: str | None
    verified_at: datetime


@dataclass
class Row:
    """One library row and all that happened to it."""

    library_id: int
    artist_id: int
    artist: str | None
    title: str
    truth: Truth
    answer: Answer | None = None
    main: Main | None = None
    attempted_at: datetime | None = None
    attempt_kind: str = ""
    is_decided_none: bool = False
    rejected: set[str] = field(default_factory=set)
    evidence: tuple[str, datetime] | None = None
    evidence_names: tuple[str | None, str] | None = None
    earlier_answers: list[datetime] = field(default_factory=list)
    replaced: int = 0
    outcome: str | None = None

    @property
    def names(self) -> tuple[str | None, str]:
        return self.artist, self.title

    @property
    def is_decided(self) -> bool:
        """Whether a person has decided something about it."""
        return (
            self.is_decided_none
            or bool(self.rejected)
            or (self.main is not None and self.main.by == "person")
        )

    def is_answered(self, now: datetime) -> bool:
        """Whether a stored answer waits that may be written without asking."""
        answer = self.answer
        if (
            answer is None
            or answer.is_applied
            or answer.is_held
            or answer.is_dropped
            or answer.kind == "invalid"
        ):
            return False
        window = STALE if answer.kind in {"artist", "tracks"} else RETRY
        since = max(answer.asked_at, answer.accepted_at or answer.asked_at)
        return answer.names == self.names and now < since + window

    def is_due(self, now: datetime) -> bool:
        """The rule."""
        answer = self.answer
        if self.is_decided_none or (self.main is not None and self.main.by == "person"):
            return False
        if answer is not None and answer.names != self.names:
            return True
        if answer is not None and answer.is_held:
            return False
        if self.is_answered(now) or (answer is not None and answer.is_dropped):
            return True
        if answer is not None and answer.kind == "invalid":
            return now > answer.asked_at + INVALID
        until = self._window_ends()
        if answer is not None and answer.is_partial and answer.is_applied:
            until = (min(max(until), answer.asked_at + INVALID),)
        return not until or now > max(until)

    def _window_ends(self) -> tuple[datetime, ...]:
        """The ends of all windows that were ever opened by what stands now."""
        answer = self.answer
        ends = []
        if self.main is not None:
            ends.append(self.main.verified_at + STALE)
        if self.attempted_at is not None:
            ends.append(self.attempted_at + RETRY)
        if answer is not None and answer.is_applied and answer.kind == "tracks":
            ends.append(answer.asked_at + STALE)
        is_refused = self.rejected and answer is not None and answer.is_applied and answer.kind == "artist"
        if (
            is_refused
            and answer is not None
            and (self.main is None or self.main.verified_at != answer.asked_at)
        ):
            ends.append(answer.asked_at + STALE)
        return tuple(ends)

    def reason(self) -> str:
        """Why the gate counts it, if it is unresolved."""
        answer = self.answer
        has_tracks = answer is not None and answer.is_applied and answer.kind == "tracks"
        is_held = answer is not None and answer.is_held and answer.names == self.names
        causes = (
            (self.is_decided_none, "decided_none"),
            (self.artist is None, "no_artist_name"),
            (self.attempt_kind == "unresolved" and self.attempted_at is not None, "lml_unresolved"),
            (self.attempted_at is not None or has_tracks, "compilation"),
            (bool(self.rejected), "rejected_by_person"),
            (is_held, "answer_held"),
            (self.outcome == "open", "answer_stored"),
            # Set aside in an earlier pass.
            (self.outcome is None and answer is not None and answer.kind == "invalid", "lml_invalid_verdict"),
        )
        return next((name for holds, name in causes if holds), self.outcome or "never_asked")


@dataclass
class Model:
    """The library as it must be."""

    rows: dict[int, Row] = field(default_factory=dict)

    def due(self, now: datetime) -> list[Row]:
        return [row for row in self.rows.values() if row.is_due(now)]

    def store(self, row: Row, now: datetime, lie: Lie | None) -> None:
        """LML answered about a row."""
        wire = row.truth.wire(row.library_id, lie)
        earlier = row.answer
        if earlier is not None and earlier.wire != wire:
            row.earlier_answers.append(now)
        kind: Kind = lie if lie in {"invalid", "unresolved"} else row.truth.kind
        is_partial = lie == "partial" and kind == "artist"
        row.answer = Answer(now, row.names, kind, row.truth.number, wire, is_partial)
        row.outcome = "lml_invalid_verdict" if kind == "invalid" else "open"

    def hold(self, rows: Iterable[Row]) -> None:
        """The guard holds these answers back, except those that a person has accepted."""
        for row in rows:
            assert row.answer is not None
            if row.answer.accepted_at is None:
                row.answer.is_held, row.outcome = True, "answer_held"

    def apply(self, row: Row) -> None:
        """The writer takes the row's answer."""
        answer = row.answer
        assert answer is not None
        answer.is_applied = True
        if answer.kind in {"unresolved", "unvisited"}:
            row.attempted_at = answer.asked_at
            row.attempt_kind = "unresolved" if answer.kind == "unresolved" else "compilation"
            row.outcome = "unresolved" if answer.kind == "unresolved" else "compilation"
            return
        if answer.kind == "artist" and f"Q{answer.number}" in row.rejected:
            row.outcome = "rejected_by_person"
            return
        row.attempted_at = None
        if answer.kind == "tracks":
            row.outcome = "resolved_compilation"
            return
        says = f"Q{answer.number}"
        if row.main is not None and (row.main.by, row.main.says) != ("lml", says):
            row.replaced += 1
        row.main = Main("lml", says, answer.asked_at)
        row.outcome = "resolved"

    def withdrawn(self, rows: Iterable[Row]) -> int:
        """How many of these rows would lose an identity if LML found nobody any more."""
        return sum(row.main is not None and row.main.by == "lml" and row.attempted_at is None for row in rows)

    def reflect_evidence(self) -> None:
        """The writer takes what the leg has found, except for rows that were renamed since: they stay as they are."""
        for row in self.rows.values():
            if row.main is not None and row.main.by != "leg":
                continue
            if row.evidence is None:
                row.main = None
            elif row.evidence_names == row.names:
                row.main = Main("leg", None, row.evidence[1])

    def forget_earlier_answers(self, before: datetime) -> None:
        for row in self.rows.values():
            row.earlier_answers = [moment for moment in row.earlier_answers if moment >= before]

    def gate(self) -> tuple[int, int, dict[str, int]]:
        """Unresolved rows, those of them with a resolved sibling, and the others by reason."""
        lenders = {row.artist_id for row in self.rows.values() if row.main is not None}
        unresolved = [row for row in self.rows.values() if row.main is None]
        truly = [row for row in unresolved if row.artist_id not in lenders]
        return len(unresolved), len(unresolved) - len(truly), dict(Counter(row.reason() for row in truly))
