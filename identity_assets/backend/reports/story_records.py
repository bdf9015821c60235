"""The records of a library row's story: what the tables hold about it, and what follows from that.

How they are read belongs in story.py; the sentences that a person reads are in terminal/sentences.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from identity_assets.backend.reports.due import Due
from identity_assets.settings import Scope

TableRow = Mapping[str, Any]
"""A row of a table with all its columns, including those that later migrations add."""


class VerdictState(StrEnum):
    """What became of LML's stored answer."""

    applied = "applied"
    unwound = "unwound"  # applied, and taken back later
    overruled = "overruled"  # settled, but the main row is a person's decision
    rejected_by_person = "rejected_by_person"  # settled, and nothing is written from it
    rejected = "rejected"
    held = "held"  # held back by the guard until a person decides
    dropped = "dropped"  # held back, and dropped by a person
    writer_error = "writer_error"
    names_changed = "names_changed"
    window_passed = "window_passed"
    waiting = "waiting"


class GateState(StrEnum):
    """How the gate sees a library row."""

    resolved = "resolved"
    fallback_resolved = "fallback_resolved"
    truly_unresolved = "truly_unresolved"


@dataclass(frozen=True)
class LibraryRow:
    """What Backend holds. `artist_on_file` is the name in `artists`; `cohort` is `va` or `non_va`."""

    artist_name: str | None
    album_title: str
    legacy_release_id: int | None
    artist_id: int
    artist_on_file: str | None
    canonical_entity_id: str | None
    canonical_entity_confidence: float | None
    canonical_entity_resolved_at: datetime | None
    code_volume_letters: str | None
    has_va_letters: bool
    track_credits: int
    is_called_compilation: bool
    cohort: str


@dataclass(frozen=True)
class StoredVerdict:
    """LML's latest answer. `method`, `confidence`, `main` and `provenance` are as they came, unchecked.

    An answer that is not applied before `holds_until` is too old: LML is asked again. `entries_set_aside` says why
    parts of the answer are not used.
    """

    state: VerdictState
    kind: str | None
    method: Any
    confidence: Any
    main: Any
    provenance: tuple[Mapping[str, Any], ...]
    artist_name: str
    album_title: str
    asked_at: datetime
    run_id: str
    applied_at: datetime | None
    holds_until: datetime
    unwound_at: datetime | None
    rejected_reason: str | None
    entries_set_aside: tuple[Mapping[str, Any], ...]
    previous_asked_at: datetime | None
    previous_kind: str | None
    held_at: datetime | None
    held_run_id: str | None
    accepted_at: datetime | None
    dropped_at: datetime | None


@dataclass(frozen=True)
class EarlierAnswer:
    """An earlier answer that differs from the next one; `method` and `confidence` are as they came."""

    kind: str | None
    method: Any
    confidence: Any
    asked_at: datetime
    run_id: str
    applied_at: datetime | None
    rejected_reason: str | None


@dataclass(frozen=True)
class LedgerRow:
    """What the current pass did with the row; `outcome` is None until it is settled."""

    scope: str
    cohort: str
    reason: str
    selected_at: datetime
    run_id: str
    answered_at: datetime | None
    outcome: str | None
    detail: str | None


@dataclass(frozen=True)
class SidecarRow:
    """The attempts that found no identity since the row last resolved."""

    kind: str
    attempted_at: datetime
    attempts: int
    first_attempted_at: datetime
    run_id: str | None


@dataclass(frozen=True)
class GateStanding:
    """How the gate sees the row. The sibling is the surest row that can resolve it by fallback."""

    state: GateState
    has_main_row: bool
    confidence: float | None
    artist_id: int
    other_library_rows: int
    sibling_library_id: int | None
    sibling_method: str | None
    sibling_confidence: float | None

    @property
    def is_counted(self) -> bool:
        """Whether the row is one of the gate's `truly_unresolved_rows`."""
        return self.state is GateState.truly_unresolved


@dataclass(frozen=True)
class Story:
    """Everything about one library row at the moment `read_at`. `scope` is the scope of the settings.

    `due` has one entry for each scope. `tracks` has the credits of the release, and what LML says about each.
    `history`, `earlier_answers` and `decisions` (what people decided) have the newest first.
    """

    library_id: int
    read_at: datetime
    partition_key: str
    scope: Scope
    library: LibraryRow
    due: tuple[Due, ...]
    verdict: StoredVerdict | None
    earlier_answers: tuple[EarlierAnswer, ...]
    ledger: LedgerRow | None
    leg_evidence: tuple[TableRow, ...]
    main_row: TableRow | None
    source_rows: tuple[TableRow, ...]
    history: tuple[TableRow, ...]
    sidecar: SidecarRow | None
    gate: GateStanding
    decisions: tuple[TableRow, ...] = ()
    tracks: tuple[TableRow, ...] = ()

    def track_counts(self) -> dict[str, int]:
        """The tracks by what LML's answer makes of them, under the names of the run's counters."""
        return dict(Counter(f"track_rows_{row['fate']}" for row in self.tracks if row["fate"] is not None))

    def as_dict(self) -> dict[str, Any]:
        """The object of `explain --json`: times are ISO 8601 in UTC."""
        story: dict[str, Any] = _jsonable(self)
        story["gate"]["is_counted"] = self.gate.is_counted
        story["track_counts"] = self.track_counts()
        return story


def _jsonable(value: Any) -> Any:
    """The value in types that JSON has."""
    if is_dataclass(value):
        return {one.name: _jsonable(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_jsonable(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)):
        return value
    return str(value)
