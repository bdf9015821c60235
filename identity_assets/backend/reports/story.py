"""Reads everything about one library row at one moment: what the tables hold, and what follows from it.

Only facts belong here; the sentences that a person reads are in terminal/sentences.py.
"""

from sqlalchemy import Connection, TextClause

from identity_assets.backend.database import Database, execute
from identity_assets.backend.reports.due import DueFacts, due_in, read_due_facts
from identity_assets.backend.reports.story_records import (
    EarlierAnswer,
    GateStanding,
    GateState,
    LedgerRow,
    LibraryRow,
    SidecarRow,
    StoredVerdict,
    Story,
    TableRow,
    VerdictState,
)
from identity_assets.backend.writing.verdicts import LML_BULK
from identity_assets.postgres import statements
from identity_assets.settings import Scope, Settings

_sql = statements(__file__)


def read_story(database: Database, settings: Settings, library_id: int) -> Story | None:
    """Read the story of one library row, by the windows and partitions of `settings`; None if the row does not exist.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.snapshot() as connection:
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
            library=_library_row(library, facts),
            due=tuple(due_in(facts, scope) for scope in Scope),
            verdict=None if verdict is None else _stored_verdict(verdict, facts, ledger, main_row),
            earlier_answers=tuple(
                EarlierAnswer(**row)
                for row in _all(connection, _sql("explain_earlier_answers.sql"), library_id)
            ),
            ledger=None if ledger is None else LedgerRow(**ledger),
            leg_evidence=_all(connection, _sql("explain_leg_evidence.sql"), library_id),
            main_row=main_row,
            source_rows=_all(connection, _sql("explain_source_rows.sql"), library_id),
            history=_all(connection, _sql("explain_history.sql"), library_id),
            sidecar=None if sidecar is None else SidecarRow(**sidecar),
            gate=_gate_standing(connection, library_id),
            decisions=_all(connection, _sql("explain_decisions.sql"), library_id),
            tracks=_all(connection, _sql("explain_tracks.sql"), library_id),
        )


def was_known(database: Database, library_id: int) -> bool:
    """Whether a library row that does not exist did exist once: something about it is still stored."""
    with database.transaction() as connection:
        return bool(execute(connection, _sql("explain_missing.sql"), library_id=library_id).scalar_one())


def _all(connection: Connection, statement: TextClause, library_id: int) -> tuple[TableRow, ...]:
    return tuple(map(dict, execute(connection, statement, library_id=library_id).mappings()))


def _one(connection: Connection, statement: TextClause, library_id: int) -> TableRow | None:
    return next(iter(_all(connection, statement, library_id)), None)


def _library_row(row: TableRow, facts: DueFacts) -> LibraryRow:
    is_called_compilation = facts.answer_kind == "compilation"
    is_va = row["has_va_letters"] or row["track_credits"] > 0 or is_called_compilation
    return LibraryRow(**row, is_called_compilation=is_called_compilation, cohort="va" if is_va else "non_va")


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
        return _applied_state(row, facts, main_row)
    if (kept_back := _kept_back_state(row, facts)) is not None:
        return kept_back
    if not facts.is_answered:
        return VerdictState.window_passed
    if ledger is not None and ledger["outcome"] == "writer_error":
        return VerdictState.writer_error
    return VerdictState.waiting


def _kept_back_state(row: TableRow, facts: DueFacts) -> VerdictState | None:
    """Why an answer is never applied; None if it may be."""
    states = (
        (VerdictState.dropped, row["dropped_at"] is not None),
        (VerdictState.rejected, row["rejected_reason"] is not None),
        (VerdictState.names_changed, facts.names_changed),
        (VerdictState.held, row["held_at"] is not None),
    )
    return next((state for state, holds in states if holds), None)


def _applied_state(row: TableRow, facts: DueFacts, main_row: TableRow | None) -> VerdictState:
    if row["unwound_at"] is not None:
        return VerdictState.unwound
    if facts.decision is not None and row["kind"] == "single_artist" and not facts.is_manual:
        return VerdictState.rejected_by_person
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
