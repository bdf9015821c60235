"""The whole story of one library row, read at one moment: what stands in the tables, and what follows from it.

Only facts and their names are given here; the sentences that a person reads stand in `explaining`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from sqlalchemy import Connection, RowMapping

from identity_assets.backend.database import Database, execute
from identity_assets.backend.reports.due import Due, due_facts, due_in
from identity_assets.backend.writing.verdicts import LML_BULK
from identity_assets.settings import Scope, Settings

TableRow = Mapping[str, Any]
"""A row of a table with all its columns, whatever migrations have added."""


class VerdictState(StrEnum):
    """What has become of LML's stored answer."""

    applied = "applied"
    unwound = "unwound"  # taken back since
    overruled = "overruled"  # dealt with, but a person's decision stands
    rejected = "rejected"
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
    cohort: str


@dataclass(frozen=True)
class StoredVerdict:
    """LML's latest answer. `method`, `confidence`, `main` and `provenance` stand as they came, unchecked.

    `holds_until` is when an answer that is not applied has to be asked for anew.
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
    previous_asked_at: datetime | None
    previous_kind: str | None


@dataclass(frozen=True)
class EarlierAnswer:
    """What LML said before it said something else; `method` and `confidence` stand as they came."""

    kind: str | None
    method: Any
    confidence: Any
    asked_at: datetime
    run_id: str
    applied_at: datetime | None
    rejected_reason: str | None


@dataclass(frozen=True)
class LedgerRow:
    """What the current pass made of the row; `outcome` is None while it is not settled."""

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
    """LML's attempts that named nobody, since the row last resolved."""

    kind: str
    attempted_at: datetime
    attempts: int
    first_attempted_at: datetime
    run_id: str | None


@dataclass(frozen=True)
class GateStanding:
    """How the gate sees the row. The sibling is the surest of the rows that would resolve it by fallback."""

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
        """Whether it is one of the gate's `truly_unresolved_rows`."""
        return self.state is GateState.truly_unresolved


@dataclass(frozen=True)
class Story:
    """Everything about one library row, as it stood at `read_at`. `scope` is the one that is set.

    `due` holds one verdict for each scope; `history` and `earlier_answers` have the newest first.
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

    def as_dict(self) -> dict[str, Any]:
        """The object of `explain --json`: times are ISO 8601 in UTC."""
        story: dict[str, Any] = _jsonable(self)
        story["gate"]["is_counted"] = self.gate.is_counted
        return story


def read_story(database: Database, settings: Settings, library_id: int) -> Story | None:
    """The story of one library row, by the windows and the partitions of `settings`; None where there is no such row.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.transaction() as connection:
        execute(connection, "explain_snapshot")
        library = _one(connection, "explain_library", library_id)
        if library is None:
            return None
        facts = due_facts(connection, settings, library_id)
        main_row = _one(connection, "explain_main_row", library_id)
        ledger = _one(connection, "explain_ledger", library_id)
        verdict = _one(connection, "explain_verdict", library_id)
        sidecar = _one(connection, "explain_sidecar", library_id)
        return Story(
            library_id=library_id,
            read_at=facts["read_at"],
            partition_key=f"{library_id % settings.library_partitions:02d}",
            scope=settings.scope,
            library=_library_row(library),
            due=tuple(due_in(facts, scope) for scope in Scope),
            verdict=None if verdict is None else _stored_verdict(verdict, facts, ledger, main_row),
            earlier_answers=tuple(
                EarlierAnswer(**row) for row in _all(connection, "explain_earlier_answers", library_id)
            ),
            ledger=None if ledger is None else LedgerRow(**ledger),
            leg_evidence=_all(connection, "explain_leg_evidence", library_id),
            main_row=main_row,
            source_rows=_all(connection, "explain_source_rows", library_id),
            history=_all(connection, "explain_history", library_id),
            sidecar=None if sidecar is None else SidecarRow(**sidecar),
            gate=_gate_standing(connection, library_id),
        )


def _all(connection: Connection, name: str, library_id: int) -> tuple[TableRow, ...]:
    return tuple(map(dict, execute(connection, name, library_id=library_id).mappings()))


def _one(connection: Connection, name: str, library_id: int) -> TableRow | None:
    return next(iter(_all(connection, name, library_id)), None)


def _library_row(row: TableRow) -> LibraryRow:
    is_va = row["has_va_letters"] or row["track_credits"] > 0
    return LibraryRow(**row, cohort="va" if is_va else "non_va")


def _stored_verdict(
    row: TableRow, facts: RowMapping, ledger: TableRow | None, main_row: TableRow | None
) -> StoredVerdict:
    body = row["verdict"] if isinstance(row["verdict"], dict) else {}
    entries = body.get("provenance")
    return StoredVerdict(
        state=_verdict_state(row, facts, ledger, main_row),
        method=body.get("method"),
        confidence=body.get("confidence"),
        main=body.get("main"),
        provenance=tuple(
            entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)
        ),
        holds_until=facts["answer_holds_until"],
        **{name: value for name, value in row.items() if name != "verdict"},
    )


def _verdict_state(
    row: TableRow, facts: RowMapping, ledger: TableRow | None, main_row: TableRow | None
) -> VerdictState:
    if row["applied_at"] is not None:
        return _applied_state(row, main_row)
    if row["rejected_reason"] is not None:
        return VerdictState.rejected
    if not facts["has_answer_for_these_names"]:
        return VerdictState.names_changed
    if not facts["has_answer_in_window"]:
        return VerdictState.window_passed
    if ledger is not None and ledger["outcome"] == "writer_error":
        return VerdictState.writer_error
    return VerdictState.waiting


def _applied_state(row: TableRow, main_row: TableRow | None) -> VerdictState:
    if row["unwound_at"] is not None:
        return VerdictState.unwound
    stands = main_row is None or main_row["method"] != "manual" or _is_written_from(row, main_row)
    return VerdictState.applied if stands else VerdictState.overruled


def _is_written_from(verdict: TableRow, main_row: TableRow) -> bool:
    """Whether the main row was made of this answer: LML itself may say `manual`."""
    return bool(main_row["notes"] == LML_BULK and main_row["last_verified_at"] == verdict["asked_at"])


def _gate_standing(connection: Connection, library_id: int) -> GateStanding:
    row = dict(execute(connection, "explain_gate", library_id=library_id).mappings().one())
    if row.pop("is_resolved"):
        state = GateState.resolved
    elif row["sibling_library_id"] is not None:
        state = GateState.fallback_resolved
    else:
        state = GateState.truly_unresolved
    return GateStanding(state=state, **row)


def _jsonable(value: Any) -> Any:
    """The value as JSON can say it."""
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
