"""Everything about one library row, read at one moment: what the tables hold, and what follows from it.

Only facts and their names belong here; the sentences that a person reads are in terminal/sentences.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from sqlalchemy import Connection, TextClause

from identity_assets.backend.database import Database, execute
from identity_assets.backend.reports.due import Due, DueFacts, due_in, read_due_facts
from identity_assets.backend.writing.verdicts import LML_BULK
from identity_assets.postgres import statements
from identity_assets.settings import Scope, Settings

TableRow = Mapping[str, Any]
"""A row of a table with all its columns, including those that later migrations add."""

_sql = statements(__file__)


class VerdictState(StrEnum):
    """What became of LML's stored answer."""

    applied = "applied"
    unwound = "unwound"  # applied, and taken back later
    overruled = "overruled"  # settled, but the main row is a person's decision
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
    """How the gate sees the row. The sibling is the row with the highest confidence that can resolve it by fallback."""

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

    `due` has one entry for each scope; `history` and `earlier_answers` have the newest first.
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
    """Read the story of one library row, by the windows and partitions of `settings`; None if the row does not exist.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.transaction() as connection:
        execute(connection, _sql("explain_snapshot.sql"))
        library = _one(connection, _sql("explain_library.sql"), library_id)
        if library is None:
            return None
        facts = read_due_facts(connection, settings, library_id)
        main_row = _one(connection, _sql("explain_main_row.sql"), library_id)
        ledger = _one(connection, _sql("explain_ledger.sql"), library_id)
        verdict = _one(connection, _sql("explain_verdict.sql"), library_id)
        sidecar = _one(connection, _sql("explain_sidecar.sql"), library_id)
        return Story(
            library_id=library_id,
            read_at=facts.read_at,
            partition_key=f"{library_id % settings.library_partitions:02d}",
            scope=settings.scope,
            library=_library_row(library),
            due=tuple(due_in(facts, scope) for scope in Scope),
            verdict=None if verdict is None else _stored_verdict(verdict, facts, ledger, main_row),
            earlier_answers=tuple(
                EarlierAnswer(**row) for row in _all(connection, _sql("explain_earlier_answers.sql"), library_id)
            ),
            ledger=None if ledger is None else LedgerRow(**ledger),
            leg_evidence=_all(connection, _sql("explain_leg_evidence.sql"), library_id),
            main_row=main_row,
            source_rows=_all(connection, _sql("explain_source_rows.sql"), library_id),
            history=_all(connection, _sql("explain_history.sql"), library_id),
            sidecar=None if sidecar is None else SidecarRow(**sidecar),
            gate=_gate_standing(connection, library_id),
        )


def _all(connection: Connection, statement: TextClause, library_id: int) -> tuple[TableRow, ...]:
    return tuple(map(dict, execute(connection, statement, library_id=library_id).mappings()))


def _one(connection: Connection, statement: TextClause, library_id: int) -> TableRow | None:
    return next(iter(_all(connection, statement, library_id)), None)


def _library_row(row: TableRow) -> LibraryRow:
    is_va = row["has_va_letters"] or row["track_credits"] > 0
    return LibraryRow(**row, cohort="va" if is_va else "non_va")


def _stored_verdict(
    row: TableRow, facts: DueFacts, ledger: TableRow | None, main_row: TableRow | None
) -> StoredVerdict:
    body = row["verdict"] if isinstance(row["verdict"], dict) else {}
    entries = body.get("provenance")
    assert facts.answer_until is not None, "due_library gives it for every stored answer"
    return StoredVerdict(
        state=_verdict_state(row, facts, ledger, main_row),
        method=body.get("method"),
        confidence=body.get("confidence"),
        main=body.get("main"),
        provenance=tuple(
            entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)
        ),
        holds_until=facts.answer_until,
        entries_set_aside=tuple(row["set_aside"] or ()),
        **{name: value for name, value in row.items() if name not in {"verdict", "set_aside"}},
    )


def _verdict_state(
    row: TableRow, facts: DueFacts, ledger: TableRow | None, main_row: TableRow | None
) -> VerdictState:
    if row["applied_at"] is not None:
        return _applied_state(row, main_row)
    if row["rejected_reason"] is not None:
        return VerdictState.rejected
    if facts.names_changed:
        return VerdictState.names_changed
    if not facts.is_answered:
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
    """Whether the main row was made from this answer: LML itself may give the method `manual`."""
    return bool(main_row["notes"] == LML_BULK and main_row["last_verified_at"] == verdict["asked_at"])


def _gate_standing(connection: Connection, library_id: int) -> GateStanding:
    row = dict(execute(connection, _sql("explain_gate.sql"), library_id=library_id).mappings().one())
    if row.pop("is_resolved"):
        state = GateState.resolved
    elif row["sibling_library_id"] is not None:
        state = GateState.fallback_resolved
    else:
        state = GateState.truly_unresolved
    return GateStanding(state=state, **row)


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
